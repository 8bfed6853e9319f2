namespace Hyperspan.VhostUser.Tests;

/// <summary>Counts what must not grow.</summary>
internal static class OpenDescriptors
{
    internal static int Count => Directory.GetFiles("/proc/self/fd").Length;

    /// <summary>Mappings of memory files.</summary>
    internal static int Mappings => File.ReadLines("/proc/self/maps").Count(line => line.Contains("/memfd:", StringComparison.Ordinal) && !line.Contains("doublemapper", StringComparison.Ordinal));

    /// <summary>Does something twice, the first time for what is made once and kept, and checks that the second left nothing behind.</summary>
    internal static void ShouldNotGrow(Action action)
    {
        action();
        (int descriptors, int mappings) = Baseline();
        action();
        ShouldBeNoMoreThan(descriptors, mappings);
    }

    /// <summary>Counts without what earlier tests have left to finalizers.</summary>
    internal static (int Descriptors, int Mappings) Baseline()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return (Count, Mappings);
    }

    internal static void ShouldBeNoMoreThan(int descriptors, int mappings)
    {
        Count.ShouldBeLessThanOrEqualTo(descriptors);
        Mappings.ShouldBeLessThanOrEqualTo(mappings);
    }
}
