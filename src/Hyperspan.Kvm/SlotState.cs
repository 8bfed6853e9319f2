namespace Hyperspan.Kvm;

/// <summary>A slot as its mapping keeps it. Changed under the partition's lock for memory alone.</summary>
internal sealed class SlotState(uint number, GuestRange range, ulong host, BackingHold hold, ulong backingOffset)
{
    internal uint Number => number;

    internal GuestRange Range { get; set; } = range;

    internal ulong Host => host;

    internal BackingHold Hold => hold;

    internal ulong BackingOffset => backingOffset;
}
