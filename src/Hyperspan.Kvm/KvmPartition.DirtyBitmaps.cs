using Hyperspan.Interop.Linux;

namespace Hyperspan.Kvm;

/// <content>Dirty bitmaps, slot by slot.</content>
public sealed unsafe partial class KvmPartition
{
    /// <summary>Reads which pages of a slot were written to; where there is no manual protection, reading clears them.</summary>
    /// <param name="mapping">The mapping that the slot belongs to.</param>
    /// <param name="slot">The number of the slot.</param>
    /// <param name="bitmap">Receives them; of the length that the slot's bitmap has.</param>
    internal void ReadDirty(MemoryMapping mapping, uint slot, Span<ulong> bitmap)
    {
        fixed (ulong* at = bitmap)
        {
            var log = new KvmDirtyLog { Slot = slot, Bitmap = at };
            KvmDirtyLog* argument = &log;
            WithSlots(mapping, () => Request(KvmRequest.GetDirtyLog, argument, "KVM_GET_DIRTY_LOG"));
        }
    }

    /// <summary>Has the next write to each of some pages noted, where reading has not done that.</summary>
    /// <param name="mapping">The mapping that the slot belongs to.</param>
    /// <param name="slot">The number of the slot.</param>
    /// <param name="length">Its length in bytes.</param>
    /// <param name="bitmap">The pages; of the length that the slot's bitmap has.</param>
    internal void ClearDirty(MemoryMapping mapping, uint slot, ulong length, ReadOnlySpan<ulong> bitmap)
    {
        if (!Capabilities.ManualDirtyProtection)
        {
            return;
        }

        fixed (ulong* at = bitmap)
        {
            var log = new KvmClearDirtyLog { Slot = slot, PageCount = (uint)(length / GuestAddress.PageSize), Bitmap = at };
            KvmClearDirtyLog* argument = &log;
            WithSlots(mapping, () => Request(KvmRequest.ClearDirtyLog, argument, "KVM_CLEAR_DIRTY_LOG"));
        }
    }
}
