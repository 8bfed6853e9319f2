namespace Hyperspan.VhostUser.Tests;

/// <summary>Counts what must not grow.</summary>
internal static class OpenDescriptors
{
    /// <summary>Descriptors of the kinds that the library deals with: the runtime opens files of its own when it loads code.</summary>
    private static Dictionary<string, int> Kinds => Directory.GetFiles("/proc/self/fd")
        .Select(path => new FileInfo(path).LinkTarget)
        .Select(target => target?.Split(':')[0])
        .Where(kind => kind is "anon_inode" or "socket" or "pipe" or "/memfd")
        .GroupBy(kind => kind!, StringComparer.Ordinal)
        .ToDictionary(group => group.Key, group => group.Count(), StringComparer.Ordinal);

    /// <summary>Mappings of memory files, but for those in which the runtime keeps code.</summary>
    private static int Mappings => File.ReadLines("/proc/self/maps")
        .Count(line => line.Contains("/memfd:", StringComparison.Ordinal) && !line.Contains("doublemapper", StringComparison.Ordinal));

    /// <summary>Does something twice, the first time for what is made once and kept, and checks that the second left nothing behind.</summary>
    internal static void ShouldNotGrow(Action action)
    {
        action();
        Action check = Baseline();
        action();
        check();
    }

    /// <summary>Counts, without what earlier tests have left to finalizers.</summary>
    /// <returns>What checks that there are no more since.</returns>
    internal static Action Baseline()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Dictionary<string, int> descriptors = Kinds;
        int mappings = Mappings;
        return () =>
        {
            foreach ((string kind, int count) in Kinds)
            {
                count.ShouldBeLessThanOrEqualTo(descriptors.GetValueOrDefault(kind), $"descriptors of kind {kind}");
            }

            Mappings.ShouldBeLessThanOrEqualTo(mappings, "mappings");
        };
    }
}
