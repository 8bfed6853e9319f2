using System.Runtime.CompilerServices;

namespace Hyperspan.Virtio;

/// <content>Taking chains: the available ring and the descriptor tables.</content>
public sealed partial class VirtQueue
{
    private const ulong MaxChainLength = 1UL << 32;

    private ushort[] _resubmitted = [];
    private int _resubmittedAt;

    /// <summary>
    /// Gets the chains that <see cref="Resubmit(ReadOnlySpan{ushort})"/> named and that have not been taken yet. Who replaces a queue by another has to resubmit them to that.
    /// There are none of a packed queue, whose chains in flight are known to whoever recorded them.
    /// </summary>
    public ReadOnlySpan<ushort> PendingResubmissions => _resubmitted.AsSpan(_resubmittedAt);

    /// <summary>Takes the next chain that the driver made available, those that were resubmitted first.</summary>
    /// <param name="chain">Receives the chain, checked as a whole. Where there is none its contents are unspecified.</param>
    /// <returns>Whether there was one. Otherwise there is nothing to do for now, or the queue is broken.</returns>
    public bool TryTake(DescriptorChain chain)
    {
        ArgumentNullException.ThrowIfNull(chain);
        return _isSpecial ? TakeSpecially(chain) : TakeSplit(chain);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TakeSpecially(DescriptorChain chain)
    {
        if (_error.IsError)
        {
            return false;
        }

        return _isPacked ? TakePacked(chain) : TakeSplit(chain) && RememberOrder(chain.Head);
    }

    private bool RememberOrder(ushort head) => _order is not { } order || order.TryAdd(head) || Fail(VirtQueueErrorKind.HeadInFlight, head);

    private bool TakeSplit(DescriptorChain chain)
    {
        IsHeldBack = false;
        if (_resubmittedAt < _resubmitted.Length)
        {
            if (!TakeChain(_resubmitted[_resubmittedAt], chain))
            {
                return false;
            }

            _resubmittedAt++;
            return true;
        }

        if (_next == _available && !FindAvailable())
        {
            return false;
        }

        ulong place = _availableEntries + (2UL * (uint)(_next & _mask));
        if (!_memory.TryRead(place, out Le16 entry) && !ReadEntrySlowly(place, out entry))
        {
            return false;
        }

        ushort head = entry;
        if (!TakeChain(head, chain))
        {
            return false;
        }

        _next++;
        InflightTracker?.OnTaken(head);
        return true;
    }

    /// <summary>Takes the chain that starts at a given descriptor, regardless of the available ring: one that was in flight when an earlier device went away.</summary>
    /// <param name="head">The index of its first descriptor.</param>
    /// <param name="chain">Receives the chain.</param>
    /// <returns>Whether it could be taken; otherwise the queue is broken, or the chain is held back.</returns>
    public bool TakeHead(ushort head, DescriptorChain chain)
    {
        ArgumentNullException.ThrowIfNull(chain);
        ThrowIfPacked();
        IsHeldBack = false;
        return !_error.IsError && TakeChain(head, chain) && RememberOrder(head);
    }

    /// <summary>
    /// Has the next calls of <see cref="TryTake"/> give out the chains that start at given descriptors, before anything from the available ring.
    /// They are not announced to <see cref="InflightTracker"/> again.
    /// </summary>
    /// <param name="heads">The indices of their first descriptors, in the order in which they were first taken.</param>
    public void Resubmit(ReadOnlySpan<ushort> heads)
    {
        if (!heads.IsEmpty)
        {
            ThrowIfPacked();
        }

        _resubmitted = [.. _resubmitted.AsSpan(_resubmittedAt), .. heads];
        _resubmittedAt = 0;
    }

    /// <summary>Looks whether the driver has made more chains available.</summary>
    private bool FindAvailable()
    {
        // Acquire: the entries and descriptors that this index covers are read after it (section 2.7.13.3).
        if (!TryReadField(_availableIndex, out Le16 published))
        {
            return false;
        }

        ushort index = published;
        ushort ahead = (ushort)(index - _next);
        if (ahead > Size)
        {
            return Fail(VirtQueueErrorKind.AvailableIndexTooFar, null, ahead, Size);
        }

        _available = index;
        return ahead != 0;
    }

    private bool TakeChain(ushort head, DescriptorChain chain)
    {
        if (head >= Size)
        {
            return Fail(VirtQueueErrorKind.HeadOutOfRange, null, head, Size);
        }

        // Every chain in flight holds at least one descriptor; an honest driver cannot have more of them.
        if (_inFlight >= Size)
        {
            return Fail(VirtQueueErrorKind.TooManyInFlight, head, limit: Size);
        }

        if (!ReadChain(head, chain) || IsHeldBack)
        {
            BufferGate?.OnLeft();
            return false;
        }

        BufferGate?.OnTaken(head);
        _inFlight++;
        return true;
    }

    /// <summary>Copies and checks a chain. It ends: each table is walked for at most as many steps as it has entries, and there are at most two of them.</summary>
    private bool ReadChain(ushort head, DescriptorChain chain)
    {
        chain.Begin(_memory, head);
        ulong table = _descriptors;
        uint entries = Size;
        uint index = head;
        uint seen = 0;
        bool inIndirect = false;
        while (true)
        {
            if (++seen > entries)
            {
                return Fail(VirtQueueErrorKind.DescriptorLoop, head, limit: entries);
            }

            ulong place = table + (Descriptor.EntryLength * index);
            if (!_memory.TryRead(place, out Descriptor descriptor) && !ReadDescriptorSlowly(head, place, out descriptor))
            {
                return false;
            }

            if (descriptor.IsIndirect)
            {
                // It may follow ordinary descriptors (section 2.7.5.3.2); its WRITE flag means nothing.
                if (inIndirect)
                {
                    return Fail(VirtQueueErrorKind.NestedIndirect, head);
                }

                if (!CheckIndirect(head, descriptor.Address, descriptor.Length, descriptor.HasNext))
                {
                    return false;
                }

                inIndirect = true;
                table = descriptor.Address;
                entries = descriptor.Length / 16;
                index = 0;
                seen = 0;
                continue;
            }

            if (!AppendBuffer(chain, descriptor.Address, descriptor.Length, descriptor.IsWritable))
            {
                return false;
            }

            if (!descriptor.HasNext)
            {
                return true;
            }

            index = descriptor.NextIndex;
            if (index >= entries)
            {
                return Fail(VirtQueueErrorKind.NextOutOfRange, head, index, entries);
            }
        }
    }

    /// <summary>What could not be read at first: asked for again for the reason.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool ReadEntrySlowly(ulong place, out Le16 entry) =>
        _memory.TryRead(place, out entry, out GuestMemoryFault fault) || RingFailed(null, fault);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool ReadDescriptorSlowly(ushort head, ulong place, out Descriptor descriptor) =>
        _memory.TryRead(place, out descriptor, out GuestMemoryFault fault) || RingFailed(head, fault);

    private bool CheckIndirect(ushort head, ulong address, uint length, bool hasNext)
    {
        if (!_indirect)
        {
            return Fail(VirtQueueErrorKind.IndirectNotNegotiated, head);
        }

        if (hasNext)
        {
            return Fail(VirtQueueErrorKind.IndirectWithNext, head);
        }

        ulong most = 16UL * (uint)MaxIndirectEntries;
        if (length == 0 || length % 16 != 0 || length > most)
        {
            return Fail(VirtQueueErrorKind.InvalidIndirectLength, head, length, most);
        }

        // One that is held back ends the look at the chain: what it names is not known so far.
        return _memory.Contains(address, length)
            ? BufferGate is not { } gate || !(IsHeldBack |= !gate.IsReachable(address, length, isWritable: false))
            : Fail(VirtQueueErrorKind.IndirectOutsideMemory, head, address, length);
    }

    private bool AppendBuffer(DescriptorChain chain, ulong address, uint length, bool isWritable)
    {
        if (!isWritable && chain.HasWritable)
        {
            return Fail(VirtQueueErrorKind.ReadableAfterWritable, chain.Head);
        }

        // The specification gives an empty buffer no meaning and does not forbid it: it adds nothing, wherever it points.
        if (length > 0 && !_memory.Contains(address, length))
        {
            return Fail(VirtQueueErrorKind.BufferOutsideMemory, chain.Head, address, length);
        }

        if (BufferGate is { } gate && length > 0)
        {
            IsHeldBack |= !gate.IsReachable(address, length, isWritable);
        }

        ulong total = chain.Length + length;
        if (total > MaxChainLength)
        {
            return Fail(VirtQueueErrorKind.ChainTooLong, chain.Head, total);
        }

        chain.Append(address, length, isWritable);
        return true;
    }
}
