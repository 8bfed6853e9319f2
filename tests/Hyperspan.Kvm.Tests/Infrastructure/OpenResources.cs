namespace Hyperspan.Kvm.Tests.Infrastructure;

/// <summary>What this process holds of the system.</summary>
internal readonly record struct OpenResources(int Descriptors, int ProcessorMappings, int MemoryMappings)
{
    internal static OpenResources Now()
    {
        string[] maps = File.ReadAllLines("/proc/self/maps");
        return new OpenResources(
            Directory.GetFiles("/proc/self/fd").Count(static descriptor => !IsPipe(descriptor)),
            maps.Count(line => line.Contains("kvm-vcpu", StringComparison.Ordinal)),
            maps.Count(line => line.Contains("memfd:leak", StringComparison.Ordinal)));
    }

    // The runtime makes one for itself, when it first looks at a stack for instance.
    private static bool IsPipe(string descriptor)
    {
        try
        {
            return File.ResolveLinkTarget(descriptor, returnFinalTarget: false)?.Name.StartsWith("pipe:", StringComparison.Ordinal) == true;
        }
        catch (IOException)
        {
            // The folder that was just read.
            return true;
        }
    }
}
