namespace Hyperspan.Guarding;

internal static unsafe partial class Guard
{
    private const int PageSize = 4096;

    /// <summary>Finds out whether a byte can be read, by reading it.</summary>
    public static GuardedResult ProbeRead(byte* p, bool mayBlock) => Load<byte>(p, mayBlock);

    /// <summary>
    /// Finds out whether a byte can be written, by a write that changes nothing, also where other threads write to it meanwhile.
    /// The page counts as written to afterwards.
    /// </summary>
    public static GuardedResult ProbeWrite(byte* p, bool mayBlock)
    {
        // SAFETY: a fault of the stub's only access returns here as a status.
        return !GuardEntry.UsesMachineCode ? SubstituteGuard.ProbeWrite(p)
            : mayBlock ? ((delegate* unmanaged[Cdecl]<byte*, GuardedResult>)(GuardEntry.BlockingCode + StubCode.ProbeWriteOffset))(p)
            : ((delegate*<byte*, GuardedResult>)(GuardEntry.Code + StubCode.ProbeWriteOffset))(p);
    }

    /// <summary>
    /// Finds the lowest byte of a range that cannot be accessed, by probing from its start, once a page. Answers none if the
    /// memory has come back meanwhile.
    /// </summary>
    /// <remarks>The kernel grants and refuses access by pages, so one byte speaks for its page, and the lowest failing byte is
    /// exact.</remarks>
    public static GuardedFault FindLowestFault(byte* start, nuint length, bool write, bool mayBlock)
    {
        byte* p = start;
        for (int pages = 1; length > 0; pages++)
        {
            if (pages % PagesAtOnce == 0)
            {
                LetCollect();
            }

            GuardedResult result = write ? ProbeWrite(p, mayBlock) : ProbeRead(p, mayBlock);
            if (!result.Ok)
            {
                return new GuardedFault(p, (int)result.Status);
            }

            var step = Math.Min(length, PageSize - ((nuint)p & (PageSize - 1)));
            p += step;
            length -= step;
        }

        return default;
    }
}
