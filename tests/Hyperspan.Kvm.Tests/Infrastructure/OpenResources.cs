namespace Hyperspan.Kvm.Tests.Infrastructure;

/// <summary>What this process holds of the system.</summary>
internal readonly record struct OpenResources(int Descriptors, int ProcessorMappings, int MemoryMappings)
{
    internal static OpenResources Now()
    {
        string[] maps = File.ReadAllLines("/proc/self/maps");
        return new OpenResources(
            Directory.GetFiles("/proc/self/fd").Length,
            maps.Count(line => line.Contains("kvm-vcpu", StringComparison.Ordinal)),
            maps.Count(line => line.Contains("memfd:leak", StringComparison.Ordinal)));
    }
}
