using Hyperspan.Interop.Linux;

namespace Hyperspan.Kvm;

/// <content>Dirty rings.</content>
public sealed unsafe partial class KvmPartition
{
    private readonly Lock _ringLock = new();

    internal bool HasDirtyRings => _dirtyRingSize != 0;

    /// <summary>
    /// Takes the pages that the processors wrote to out of their dirty rings, and has the next write to each noted again. A processor whose ring is full waits for this
    /// (<see cref="KvmExitKind.DirtyRingFull"/>).
    /// </summary>
    /// <param name="page">
    /// Called for each page, with its guest-physical address; one page may come several times. Not for slots that have gone, unless another has their number since.
    /// </param>
    /// <returns>How many entries were taken.</returns>
    /// <exception cref="InvalidOperationException">The partition has no dirty rings.</exception>
    /// <exception cref="KvmException">The kernel refused.</exception>
    public int CollectDirty(Action<GuestAddress> page)
    {
        ArgumentNullException.ThrowIfNull(page);
        if (!HasDirtyRings)
        {
            throw new InvalidOperationException("The partition has no dirty rings.");
        }

        lock (_ringLock)
        {
            var ranges = Slots.ToDictionary(static slot => slot.Number, static slot => slot.Range);
            return TakeFromRings((slot, index) =>
            {
                // An entry of a slot that has gone since may carry the number of another one, of another length.
                if (ranges.TryGetValue(slot, out GuestRange range) && index < range.Length / GuestAddress.PageSize)
                {
                    page(range.Start + (index * GuestAddress.PageSize));
                }
            });
        }
    }

    /// <summary>Takes what is in the rings, and has the next write to each page noted. Under <see cref="_ringLock"/>.</summary>
    private int TakeFromRings(Action<uint, ulong> page)
    {
        int taken = 0;
        foreach (VirtualProcessor processor in Processors)
        {
            // The upper half of the number is the address space, of which there is one without system management mode.
            taken += processor.CollectDirty((slot, index) => page(slot & 0xffff, index));
        }

        Request(KvmRequest.ResetDirtyRings, null, "KVM_RESET_DIRTY_RINGS");
        return taken;
    }

    private void EnableDirtyRing()
    {
        if (_dirtyRingSize > Capabilities.DirtyRingEntries)
        {
            throw new KvmException(
                $"KVM_CAP_DIRTY_LOG_RING with {_dirtyRingSize} entries", ErrorNumber.NotSupported, $"this kernel has up to {Capabilities.DirtyRingEntries}");
        }

        KvmCapability capability = KvmCall.Check(_device, KvmCapability.DirtyLogRingAcqRel) != 0 ? KvmCapability.DirtyLogRingAcqRel : KvmCapability.DirtyLogRing;
        var enable = new KvmEnableCapability { Capability = (uint)capability, Argument0 = (ulong)_dirtyRingSize * DirtyRing.EntrySize };
        Request(KvmRequest.EnableCapability, &enable, "KVM_CAP_DIRTY_LOG_RING");
    }
}
