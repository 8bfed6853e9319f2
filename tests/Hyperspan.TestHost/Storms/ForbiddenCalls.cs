namespace Hyperspan.TestHost.Storms;

/// <summary>Refuses the calling thread, and those it starts, some system calls (x86-64 numbers), as a container's filter does or a limit that is reached.</summary>
internal static class ForbiddenCalls
{
    internal const uint Clone = 56;
    internal const uint Clone3 = 435;
    internal const uint Eventfd2 = 290;
    internal const uint Listen = 50;
    internal const uint Chmod = 90;
    internal const uint Lchown = 94;
    internal const uint FchmodAt = 268;
    internal const uint Statx = 332;

    // SECCOMP_RET_ERRNO: the number of the error is in the low half.
    private const uint AnswerWithError = 0x00050000;

    /// <summary>Has them fail with an error from now on, or says why it cannot.</summary>
    internal static bool TryForbid(ReadOnlySpan<uint> calls, uint error, out string reason)
    {
        var steps = new List<SeccompFilter.Step> { SeccompFilter.Load(SeccompFilter.NumberOffset) };
        for (int i = 0; i < calls.Length; i++)
        {
            steps.Add(SeccompFilter.Compare(calls[i], ifEqual: (byte)(calls.Length - i), otherwise: 0));
        }

        steps.Add(SeccompFilter.Answer(SeccompFilter.Allow));
        steps.Add(SeccompFilter.Answer(AnswerWithError | error));
        return SeccompFilter.TryInstall(steps.ToArray(), out reason);
    }
}
