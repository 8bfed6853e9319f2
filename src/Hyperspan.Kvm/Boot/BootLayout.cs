namespace Hyperspan.Kvm;

/// <summary>Where what a guest begins with lies in the first megabyte, and where memory and devices are.</summary>
internal static class BootLayout
{
    internal const ulong DescriptorTable = 0x500;
    internal const ulong StartInfo = 0x6000;
    internal const ulong ZeroPage = 0x7000;
    internal const ulong Stack = 0x9000;
    internal const ulong PageTables = 0x9000;
    internal const ulong CommandLine = 0x2_0000;
    internal const ulong ConventionalEnd = 0x9_fc00;
    internal const ulong Tables = 0xe_0000;
    internal const ulong TablesEnd = 0x10_0000;

    /// <summary>Memory ends here, and goes on at <see cref="HighMemory"/>.</summary>
    internal const ulong LowMemoryEnd = 0xc000_0000;
    internal const ulong HighMemory = 0x1_0000_0000;

    /// <summary>The registers of devices.</summary>
    internal const ulong Devices = 0xd000_0000;

    /// <summary>Where memory is: up to where devices are, and the rest behind them.</summary>
    internal static IEnumerable<(ulong Start, ulong Length)> Parts(ulong memory)
    {
        yield return (0, Math.Min(memory, LowMemoryEnd));
        if (memory > LowMemoryEnd)
        {
            yield return (HighMemory, memory - LowMemoryEnd);
        }
    }

    /// <summary>Ranges of memory, with whether they are free to use.</summary>
    internal static IEnumerable<(ulong Start, ulong Length, bool IsFree)> MemoryMap(ulong memory)
    {
        yield return (0, ConventionalEnd, true);
        yield return (ConventionalEnd, 0xa_0000 - ConventionalEnd, false);
        yield return (Tables, TablesEnd - Tables, false);
        foreach ((ulong start, ulong length) in Parts(memory))
        {
            ulong from = Math.Max(start, TablesEnd);
            yield return (from, start + length - from, true);
        }
    }

    /// <summary>Makes the guest's memory.</summary>
    internal static GuestMemory CreateMemory(string name, ulong length)
    {
        var backing = new SharedBacking(length, new SharedBackingOptions { Name = name });
        try
        {
            var builder = new GuestMemoryBuilder(name);
            ulong offset = 0;
            foreach ((ulong start, ulong part) in Parts(length))
            {
                builder.AddRegion(start, backing, backingOffset: offset, length: part);
                offset += part;
            }

            return builder.Build();
        }
        catch
        {
            backing.Dispose();
            throw;
        }
    }
}
