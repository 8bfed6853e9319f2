using System.Globalization;

namespace Hyperspan.TestHost.Storms;

/// <summary>What this process holds of the system: descriptors, address space, mappings of memory files.</summary>
internal sealed record ProcessResources(int Descriptors, long AddressSpace, int MemoryFileMappings)
{
    /// <summary>Gets what the descriptors are of.</summary>
    internal IReadOnlyList<string> Open { get; private init; } = [];

    /// <summary>Counts, after everything that nothing refers to has been given back.</summary>
    public static ProcessResources Count()
    {
        for (int i = 0; i < 4; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        // The runtime keeps an assembly's file open, and loads assemblies when it first needs them.
        string[] open = [.. Directory.GetFileSystemEntries("/proc/self/fd").Select(path => new FileInfo(path).LinkTarget ?? "")
            .Where(target => !target.EndsWith(".dll", StringComparison.Ordinal))];
        string pages = File.ReadAllText("/proc/self/statm").Split(' ')[0];

        // The runtime keeps its machine code in a memory file of its own.
        int memoryFiles = File.ReadLines("/proc/self/maps").Count(
            line => line.Contains("/memfd:", StringComparison.Ordinal) && !line.Contains("doublemapper", StringComparison.Ordinal));
        return new ProcessResources(
            open.Length,
            long.Parse(pages, CultureInfo.InvariantCulture) * Environment.SystemPageSize,
            memoryFiles)
        {
            Open = open,
        };
    }

    /// <summary>Says what has leaked since an earlier count. The runtime's own address space grows as it likes, within the tolerance.</summary>
    public string? LeakedSince(ProcessResources before, long tolerance)
    {
        bool leaked = Descriptors > before.Descriptors
            || MemoryFileMappings > before.MemoryFileMappings
            || AddressSpace > before.AddressSpace + tolerance;
        return leaked ? $"leaked: {before} became {this}, open were {string.Join(' ', before.Open)} and are {string.Join(' ', Open)}" : null;
    }
}
