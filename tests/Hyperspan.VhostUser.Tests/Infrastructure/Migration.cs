namespace Hyperspan.VhostUser.Tests;

/// <summary>
/// Copies a guest's memory while it runs, as a front end does that migrates: all of it once, then in turns what the guest has written, by its own dirty log, and what the
/// back end has written, by the bits that it sets in the shared log. They are taken first and the pages copied then.
/// </summary>
internal sealed class Migration : IDisposable
{
    private const ulong Page = GuestAddress.PageSize;

    private readonly TestMemory _memory;
    private readonly GuestMemory _copy;
    private readonly DirtyLog _guest;
    private TestMemory _log;
    private ulong _logOffset;

    internal Migration(TestMemory memory)
    {
        _memory = memory;
        _copy = GuestMemory.Allocate(memory.Length);
        _guest = new DirtyLog(memory.Memory);
        _log = new TestMemory(LogLength);
    }

    /// <summary>Gets or sets a page whose bit is taken and forgotten: the mistake that must be noticed.</summary>
    internal ulong? Dropped { get; set; }

    /// <summary>Gets how many bits of the back end were taken.</summary>
    internal int Taken { get; private set; }

    internal TestMemory Log => _log;

    private ulong LogLength => Math.Max(8, 2 * _memory.Length / Page / 8);

    public void Dispose()
    {
        _guest.Dispose();
        _copy.Dispose();
        _log.Dispose();
    }

    internal void Begin(VhostUserFrontEnd frontEnd)
    {
        frontEnd.SetLog(_log.File, LogLength);
        frontEnd.SetLogging(true);
        _guest.Start();
        _memory.Memory.CopyTo(0, _copy, 0, _memory.Length);
    }

    /// <summary>Has the back end log elsewhere from now on, at an offset in the file, and takes what it had logged before.</summary>
    internal void ReplaceLog(VhostUserFrontEnd frontEnd)
    {
        TestMemory before = _log;
        ulong offset = _logOffset;
        _log = new TestMemory(LogLength + (2 * Page));
        _logOffset = Page;
        frontEnd.SetLog(_log.File, LogLength, Page);
        Take(before, offset);
        before.Dispose();
    }

    internal void Turn()
    {
        foreach (GuestRange range in _guest.Collect())
        {
            _memory.Memory.CopyTo(range.Start, _copy, range.Start, range.Length);
        }

        Take(_log, _logOffset);
    }

    /// <summary>Gets the pages whose bits are set, and clears them.</summary>
    internal List<ulong> TakeBits() => TakeBits(_log, _logOffset);

    /// <summary>Finds the first page that differs from its copy.</summary>
    internal ulong? FindDifference()
    {
        byte[] left = new byte[Page];
        byte[] right = new byte[Page];
        for (ulong at = 0; at < _memory.Length; at += Page)
        {
            _memory.Memory.Read(at, left);
            _copy.Read(at, right);
            if (!left.AsSpan().SequenceEqual(right))
            {
                return at;
            }
        }

        return null;
    }

    private void Take(TestMemory log, ulong offset)
    {
        foreach (ulong page in TakeBits(log, offset))
        {
            Taken++;
            if (page != Dropped)
            {
                _memory.Memory.CopyTo(page * Page, _copy, page * Page, Page);
            }
        }
    }

    private List<ulong> TakeBits(TestMemory log, ulong offset)
    {
        var pages = new List<ulong>();
        for (ulong at = 0; at < LogLength; at += 8)
        {
            ulong bits = log.Memory.Exchange(offset + at, 0UL);
            for (; bits != 0; bits &= bits - 1)
            {
                pages.Add((at * 8) + ulong.TrailingZeroCount(bits));
            }
        }

        return pages;
    }
}
