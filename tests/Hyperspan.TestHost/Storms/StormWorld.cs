using Hyperspan.Guarding;
using Hyperspan.Interop.Linux;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.TestHost.Storms;

/// <summary>
/// A memory over pages that come and go, a file that is truncated, and memory that stays. Each world has a pattern of its own: all that is ever written to it, so that it
/// holds that and zeros alone, and bytes of another world are noticed.
/// </summary>
internal sealed class StormWorld : IDisposable
{
    public const ulong SparsePages = 16;
    public const ulong FilePages = 8;
    public const ulong StayingPages = 4;
    public const ulong Pages = SparsePages + FilePages + StayingPages;

    /// <summary>Much more than is used, so that a single world that leaks shows in the address space.</summary>
    public const ulong Reserved = 1UL << 30;

    /// <summary>The size of a page of the system's: what comes and goes does by these.</summary>
    public static readonly ulong Page = MemoryZoo.HostPage;

    public static readonly ulong Length = Pages * Page;

    public StormWorld(byte pattern)
    {
        Pattern = pattern;
        File = MemoryZoo.MemoryFile(FilePages * Page);
        Source = MemoryZoo.MemoryFile(0);
        Sink = MemoryZoo.MemoryFile(0);
        byte[] bytes = new byte[Length];
        Array.Fill(bytes, pattern);
        RandomAccess.Write(Source, bytes, 0);
        Sparse = new SparseBacking(Reserved);
        Sparse.Commit(0, SparsePages * Page);
        FileBacking file = new FileBacking(File, FileAccess.ReadWrite);
        Memory = new GuestMemoryBuilder("storm")
            .AddRegion(0, Sparse, backingOffset: 0, length: SparsePages * Page)
            .AddRegion(SparsePages * Page, file)
            .AddRegion((SparsePages + FilePages) * Page, new HeapBacking(StayingPages * Page))
            .Build();
    }

    public byte Pattern { get; }

    /// <summary>The pattern, eight times.</summary>
    public ulong Wide => Pattern * 0x0101010101010101UL;

    /// <summary>Behind a region of the memory, and mapped here and there in <see cref="Sparse"/>.</summary>
    public SafeFileHandle File { get; }

    /// <summary>As long as the memory, and full of the pattern.</summary>
    public SafeFileHandle Source { get; }

    /// <summary>Takes what is transferred out of the memory.</summary>
    public SafeFileHandle Sink { get; }

    public SparseBacking Sparse { get; }

    public GuestMemory Memory { get; }

    public void Truncate(ulong pages) => _ = LibC.Ftruncate(File, (long)(pages * Page));

    public bool MayHold(ReadOnlySpan<byte> bytes) => !bytes.ContainsAnyExcept((byte)0, Pattern);

    public bool MayHold(ulong value) => MayHold(BitConverter.GetBytes(value));

    /// <summary>Whether a fault is one that an access to this world can meet, at this place.</summary>
    public static bool Explains(in GuestMemoryFault fault, bool writes)
    {
        if (fault.Kind == GuestMemoryFaultKind.Disposed)
        {
            return true;
        }

        if (fault.Address is not { } address || (fault.HasRange && address.Value - fault.Start.Value >= fault.Length))
        {
            return false;
        }

        // By system calls, the one signal is not told from the other; and a page of the file that is back when it is asked about passes for one that can only be read.
        bool bySegv = fault.Cause == FaultCause.SegmentationFault;
        bool byBus = Guard.UsesMachineCode ? fault.Cause == FaultCause.BusError : bySegv;
        bool kind = fault.Kind == GuestMemoryFaultKind.Unmapped || (writes && bySegv && fault.Kind == GuestMemoryFaultKind.ReadOnly);
        return kind && (address.Value / Page) switch
        {
            < SparsePages => bySegv || byBus,
            < SparsePages + FilePages => byBus,
            _ => false,
        };
    }

    /// <summary>The descriptors stay open a little longer: transfers may be using them.</summary>
    public void Dispose() => Memory.Dispose();
}
