using System.Diagnostics;

namespace Hyperspan.Benchmarks.Quick;

/// <summary>How long the first guarded access of a process takes, with the installation of the signal handler and the compilation of the way there.</summary>
internal static class StartUp
{
    /// <summary>Must come before anything else that guards.</summary>
    internal static TimeSpan FirstGuardedAccess()
    {
        using var sparse = new SparseMapping(4096);
        long reached = Stopwatch.GetTimestamp();
        using var memory = new GuestMemory("first", sparse);
        bool read = memory.TryRead(0, out ulong _);
        TimeSpan taken = Stopwatch.GetElapsedTime(reached);
        if (read)
        {
            throw new InvalidOperationException("a page that is not there was read");
        }

        return taken;
    }
}
