using System.Diagnostics;

namespace Hyperspan.Kvm;

/// <summary>A memory that a partition's guest sees. Disposing it, as <see cref="Unmap"/> does, takes it out of the guest's sight.</summary>
/// <remarks>All members may be called from any thread, while processors run.</remarks>
[DebuggerDisplay("{Memory} in {Slots.Count} slots")]
public sealed partial class MemoryMapping : IDisposable
{
    private readonly KvmPartition _partition;
    private readonly List<SlotState> _states = [];
    private readonly HashSet<uint> _readOnlySlots = [];
    private readonly bool _readOnly;
    private MemorySlot[] _slots = [];

    internal MemoryMapping(KvmPartition partition, GuestMemory memory, bool readOnly)
    {
        _partition = partition;
        Memory = memory;
        _readOnly = readOnly;
    }

    /// <summary>Gets the memory.</summary>
    public GuestMemory Memory { get; }

    /// <summary>Gets the slots, one for each region of the memory, in the order of their addresses; none once it is unmapped.</summary>
    public IReadOnlyList<MemorySlot> Slots => Volatile.Read(ref _slots);

    /// <summary>Gets a value indicating whether it has been unmapped.</summary>
    public bool IsUnmapped { get; private set; }

    internal IReadOnlyList<SlotState> States => _states;

    /// <summary>Takes the memory out of the guest's sight. When this returns, no processor accesses it any more: later accesses go to devices. Idempotent.</summary>
    /// <exception cref="InvalidOperationException">A page is pinned for a device; the message says which. Nothing has changed.</exception>
    public void Unmap() => _partition.Unmap(this);

    /// <summary>
    /// Shows the memory at other addresses instead. In between, for some hundreds of microseconds, a processor may find none of it: it should not run in it.
    /// </summary>
    /// <param name="address">Where the first slot is to begin; the others keep their distance. A multiple of 4096.</param>
    /// <exception cref="InvalidOperationException">It would overlap other memory, or a page is pinned for a device. Nothing has changed.</exception>
    /// <exception cref="ArgumentException">The address is misaligned, or too near to the end of the address space. Nothing has changed.</exception>
    /// <exception cref="KvmException">The kernel refused. Slots above may have moved.</exception>
    public void MoveTo(GuestAddress address) => _partition.Move(this, address);

    /// <summary>As <see cref="Unmap"/>.</summary>
    public void Dispose() => Unmap();

    internal bool IsReadOnly(GuestMemoryRegion region) => _readOnly || !region.Protection.CanWrite;

    internal bool IsReadOnly(SlotState slot) => _readOnlySlots.Contains(slot.Number);

    internal void Add(SlotState slot, bool readOnly)
    {
        _states.Add(slot);
        if (readOnly)
        {
            _readOnlySlots.Add(slot.Number);
        }
    }

    internal void Clear()
    {
        _states.Clear();
        IsUnmapped = true;
        Publish();
    }

    /// <summary>Shows what has changed, under the partition's lock for memory.</summary>
    internal void Publish() => Volatile.Write(
        ref _slots,
        [.. _states.Select(slot => new MemorySlot(slot.Number, slot.Range, IsReadOnly(slot)))]);
}
