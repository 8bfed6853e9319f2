using System.Globalization;
using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;

namespace Hyperspan.Kvm;

/// <content>Memory slots.</content>
public sealed unsafe partial class KvmPartition
{
    // Changes of slots one after another; taken alone, or before _lock.
    private readonly Lock _slotLock = new();
    private readonly List<MemoryMapping> _mappings = [];
    private readonly SortedSet<uint> _freeSlots = [];
    private uint _nextSlot;

    /// <summary>Gets the slots that the guest sees, in the order of their addresses.</summary>
    public IReadOnlyList<MemorySlot> Slots
    {
        get
        {
            lock (_slotLock)
            {
                return [.. _mappings.SelectMany(static mapping => mapping.Slots).OrderBy(static slot => slot.Range.Start.Value)];
            }
        }
    }

    /// <summary>Maps all regions of a memory at the addresses that they have in it: each becomes a slot. Processors may run.</summary>
    /// <param name="memory">The memory. It stays the caller's, who may dispose it: what is mapped stays until it is unmapped.</param>
    /// <returns>The mapping.</returns>
    /// <exception cref="ArgumentException">
    /// A region has no mapping in this process, does not consist of whole pages, moves, or is under access bitmaps, of which the guest's processor knows nothing. The
    /// message names it. Nothing has been mapped.
    /// </exception>
    /// <exception cref="InvalidOperationException">A region overlaps a slot, or there are too few slots left. Nothing has been mapped.</exception>
    /// <exception cref="KvmException">The kernel refused. Nothing has been mapped.</exception>
    public MemoryMapping Map(GuestMemory memory) => Map(memory, readOnly: false);

    /// <summary>Maps all regions of a memory at the addresses that they have in it: each becomes a slot. Processors may run.</summary>
    /// <param name="memory">The memory. It stays the caller's, who may dispose it: what is mapped stays until it is unmapped.</param>
    /// <param name="readOnly">
    /// Whether the guest may only read. A store then leaves the memory alone and goes to <see cref="Memory"/>. Regions that forbid writing are so in any case.
    /// </param>
    /// <returns>The mapping.</returns>
    /// <exception cref="ArgumentException">
    /// A region has no mapping in this process, does not consist of whole pages, moves, or is under access bitmaps, of which the guest's processor knows nothing. The
    /// message names it. Nothing has been mapped.
    /// </exception>
    /// <exception cref="InvalidOperationException">A region overlaps a slot, or there are too few slots left. Nothing has been mapped.</exception>
    /// <exception cref="KvmException">The kernel refused. Nothing has been mapped.</exception>
    public MemoryMapping Map(GuestMemory memory, bool readOnly) => Map(GuestAddress.Zero, memory, readOnly);

    /// <summary>Maps all regions of a memory, at an address.</summary>
    /// <param name="address">What is added to the addresses that the regions have in the memory; a multiple of 4096.</param>
    /// <param name="memory">As for <see cref="Map(GuestMemory, bool)"/>.</param>
    /// <param name="readOnly">As for <see cref="Map(GuestMemory, bool)"/>.</param>
    /// <returns>The mapping.</returns>
    /// <exception cref="ArgumentException">
    /// As for <see cref="Map(GuestMemory, bool)"/>; or the address is misaligned, or a region would reach past the end of the address space.
    /// </exception>
    /// <exception cref="InvalidOperationException">As for <see cref="Map(GuestMemory, bool)"/>.</exception>
    /// <exception cref="KvmException">As for <see cref="Map(GuestMemory, bool)"/>.</exception>
    public MemoryMapping Map(GuestAddress address, GuestMemory memory, bool readOnly)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ObjectDisposedException.ThrowIf(memory.IsDisposed, memory);
        lock (_slotLock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var mapping = new MemoryMapping(this, memory, readOnly);
            try
            {
                foreach (GuestMemoryRegion region in memory.Regions)
                {
                    AddSlot(mapping, address, memory, region);
                }
            }
            catch
            {
                Remove(mapping);
                throw;
            }

            mapping.Publish();
            _mappings.Add(mapping);
            return mapping;
        }
    }

    /// <summary>Gives a slot other flags: for a dirty log.</summary>
    internal void Update(MemoryMapping mapping)
    {
        foreach (SlotState slot in mapping.States)
        {
            SetSlot(mapping, slot, slot.Range.Length, "change the flags of");
        }
    }

    /// <summary>Runs something while no slot changes.</summary>
    internal void WithSlots(MemoryMapping mapping, Action action)
    {
        lock (_slotLock)
        {
            ObjectDisposedException.ThrowIf(mapping.IsUnmapped, mapping);
            action();
        }
    }

    internal void Unmap(MemoryMapping mapping)
    {
        lock (_slotLock)
        {
            if (mapping.IsUnmapped)
            {
                return;
            }

            ThrowIfLocked(mapping);
            Remove(mapping);
            _mappings.Remove(mapping);
        }
    }

    internal void Move(MemoryMapping mapping, GuestAddress to)
    {
        lock (_slotLock)
        {
            ObjectDisposedException.ThrowIf(mapping.IsUnmapped, mapping);
            ThrowIfLocked(mapping);
            ulong first = mapping.States.Min(static slot => slot.Range.Start.Value);
            if (to.Value == first)
            {
                return;
            }

            var ranges = new List<GuestRange>();
            foreach (SlotState slot in mapping.States)
            {
                GuestRange range = PlaceOf(slot.Range, first, to, mapping.Memory.Name);
                ThrowIfOverlapping(range, mapping.Memory.Name, except: mapping);
                ranges.Add(range);
            }

            // In the order in which no slot of this memory comes to lie upon another one.
            SlotState[] states = [.. mapping.States];
            bool up = to.Value > first;
            try
            {
                for (int i = 0; i < states.Length; i++)
                {
                    int at = up ? states.Length - 1 - i : i;
                    MoveSlot(mapping, states[at], ranges[at]);
                }
            }
            finally
            {
                mapping.Publish();
            }
        }
    }

    private void MoveSlot(MemoryMapping mapping, SlotState slot, GuestRange to)
    {
        GuestRange before = slot.Range;
        slot.Range = to;
        try
        {
            SetSlot(mapping, slot, before.Length, "move");
            ReportGone(mapping, slot);
        }
        catch
        {
            slot.Range = before;
            throw;
        }
    }

    private void AddSlot(MemoryMapping mapping, GuestAddress address, GuestMemory memory, GuestMemoryRegion region)
    {
        string name = $"{memory.Name} at {region.Range}";
        if (region.Backing is not { } backing || !memory.TryGetMapping(region.Range.Start, out byte* host, out ulong length) || length < region.Range.Length)
        {
            throw new ArgumentException($"The region {name} has no mapping in this process, only fallback methods: a guest's processor cannot call them.", nameof(memory));
        }

        if (backing.AccessBitmaps is not null)
        {
            throw new ArgumentException($"The region {name} is under access bitmaps, of which a guest's processor knows nothing.", nameof(memory));
        }

        if (host != backing.Mapping + region.BackingOffset)
        {
            throw new ArgumentException($"The region {name} has moved since it was made: a slot stays where it is.", nameof(memory));
        }

        GuestRange range = PlaceOf(region.Range, 0, address, name);
        if (range.Start.Value % GuestAddress.PageSize != 0 || range.Length % GuestAddress.PageSize != 0 || (nuint)host % GuestAddress.PageSize != 0)
        {
            throw new ArgumentException($"The region {name} does not consist of whole pages of 4096 bytes, in the guest and in this process.", nameof(memory));
        }

        ThrowIfOverlapping(range, name, except: null);
        if (mapping.IsReadOnly(region) && !Capabilities.ReadOnlyMemory)
        {
            throw new KvmException("KVM_CAP_READONLY_MEM", ErrorNumber.NotSupported);
        }

        uint number;
        if (_freeSlots.Count > 0)
        {
            number = _freeSlots.Min;
            _freeSlots.Remove(number);
        }
        else if (_nextSlot < (uint)Capabilities.MemorySlots)
        {
            number = _nextSlot++;
        }
        else
        {
            throw new InvalidOperationException($"The region {name} would be one slot too many: there are {Capabilities.MemorySlots}.");
        }

        BackingHold hold;
        try
        {
            hold = backing.Hold();
        }
        catch
        {
            _freeSlots.Add(number);
            throw;
        }

        var slot = new SlotState(number, range, (ulong)host, hold, region.BackingOffset);
        try
        {
            SetSlot(mapping, slot, range.Length, "map", mapping.IsReadOnly(region));
        }
        catch
        {
            hold.Dispose();
            _freeSlots.Add(number);
            throw;
        }

        mapping.Add(slot, mapping.IsReadOnly(region));
    }

    /// <summary>Where a range comes to lie when what begins at an address is to begin at another.</summary>
    private static GuestRange PlaceOf(GuestRange range, ulong from, GuestAddress address, string name)
    {
        ulong start = unchecked(address.Value + (range.Start.Value - from));
        return start % GuestAddress.PageSize == 0 && start >= address.Value && range.Length - 1 <= ulong.MaxValue - start
            ? new GuestRange(start, range.Length)
            : throw new ArgumentException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"The region {name} cannot lie at 0x{start:x}: that is no multiple of 4096, or too near to the end of the address space."),
                nameof(address));
    }

    private void ThrowIfOverlapping(GuestRange range, string name, MemoryMapping? except)
    {
        foreach (MemoryMapping other in _mappings)
        {
            foreach (SlotState slot in other == except ? [] : other.States)
            {
                if (slot.Range.Overlaps(range))
                {
                    throw new InvalidOperationException($"The region {name} at {range} overlaps the memory '{other.Memory.Name}' at {slot.Range}.");
                }
            }
        }
    }

    private static void ThrowIfLocked(MemoryMapping mapping)
    {
        foreach (SlotState slot in mapping.States)
        {
            if (slot.Hold.TryFindPinned(slot.BackingOffset, slot.Range.Length, out ulong pinned))
            {
                ulong at = Math.Max(pinned, slot.BackingOffset) - slot.BackingOffset + slot.Range.Start.Value;
                throw new InvalidOperationException(
                    string.Create(CultureInfo.InvariantCulture, $"The page at 0x{at:x} of the memory '{mapping.Memory.Name}' is pinned: unpin it before the guest loses it."));
            }
        }
    }

    /// <summary>Takes the slots out of the guest's sight, then lets their backings go.</summary>
    private void Remove(MemoryMapping mapping)
    {
        foreach (SlotState slot in mapping.States)
        {
            SetSlot(mapping, slot, 0, "unmap");
            ReportGone(mapping, slot);
            slot.Hold.Dispose();
            _freeSlots.Add(slot.Number);
        }

        mapping.Clear();
    }

    private void SetSlot(MemoryMapping mapping, SlotState slot, ulong size, string what, bool? readOnly = null)
    {
        var region = new KvmMemoryRegion
        {
            Slot = slot.Number,
            Flags = (readOnly ?? mapping.IsReadOnly(slot) ? KvmMemoryRegion.ReadOnly : 0) | (mapping.IsLogged || IsLoggedAsWhole ? KvmMemoryRegion.LogDirtyPages : 0),
            GuestAddress = slot.Range.Start.Value,
            Size = size,
            HostAddress = slot.Host,
        };

        // SAFETY: the hold keeps what is at the host address, and reserves the address, for as long as the slot is there.
        if (LibC.Ioctl(_handle, KvmRequest.SetUserMemoryRegion, &region) < 0)
        {
            throw new KvmException($"KVM_SET_USER_MEMORY_REGION, to {what} the memory '{mapping.Memory.Name}' at {slot.Range}", Marshal.GetLastPInvokeError());
        }
    }

    /// <summary>Closes the machine with its slots, then lets the backings go: nothing runs in them any more.</summary>
    private void Close()
    {
        lock (_slotLock)
        {
            _handle.Dispose();
            foreach (MemoryMapping mapping in _mappings)
            {
                foreach (SlotState slot in mapping.States)
                {
                    ReportGone(mapping, slot);
                    slot.Hold.Dispose();
                }

                mapping.Clear();
            }

            _mappings.Clear();
        }
    }
}
