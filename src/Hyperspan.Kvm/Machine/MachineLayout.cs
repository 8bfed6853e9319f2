using System.Runtime.InteropServices;

using Hyperspan.Snapshots;

namespace Hyperspan.Kvm;

/// <summary>What of a machine stays for as long as it is there, and when it is saved.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct MachineLayout
{
    internal const ulong LeastMemory = 2 << 20;
    internal const int MostProcessors = 255;
    internal const string Section = "machine";

    internal MachineLayout(ulong memory, int processors, int devices, KernelFormat format)
    {
        MemorySize = memory;
        ProcessorCount = processors;
        DeviceCount = devices;
        Format = format;
    }

    /// <summary>Gets the amount of memory in bytes.</summary>
    public ulong MemorySize { get; }

    /// <summary>Gets the number of processors.</summary>
    public int ProcessorCount { get; }

    /// <summary>Gets the number of devices.</summary>
    public int DeviceCount { get; }

    /// <summary>Gets what kind of program it was started with.</summary>
    public KernelFormat Format { get; }

    /// <summary>Reads what a saved machine consists of: who restores it gives it as many devices, which are as they were.</summary>
    /// <param name="snapshot">The snapshot.</param>
    /// <returns>The layout.</returns>
    /// <exception cref="InvalidStateException">There is no machine in the snapshot, or it is damaged.</exception>
    /// <exception cref="InvalidSnapshotException">The file is damaged.</exception>
    public static MachineLayout Read(GuestMemorySnapshot snapshot)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        var state = new StateReader("the machine", StateReader.Section(snapshot, Section));
        MachineLayout layout = state.Value<MachineLayout>(StateItem.Layout);
        if (layout.MemorySize < LeastMemory || layout.MemorySize % GuestAddress.PageSize != 0 || layout.ProcessorCount is < 1 or > MostProcessors || !Enum.IsDefined(layout.Format))
        {
            throw state.Damaged(StateItem.Layout);
        }

        return snapshot.Regions.Select(static region => (region.Range.Start.Value, region.Range.Length)).SequenceEqual(BootLayout.Parts(layout.MemorySize))
            ? layout
            : throw new InvalidStateException("the snapshot's memory is not that of the machine in it");
    }
}
