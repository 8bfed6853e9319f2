namespace Hyperspan;

/// <summary>Lets a backing make a slice in a way of its own.</summary>
internal struct SliceCall(bool allowPreemptivePinning) : IBackingCall
{
    /// <summary>What it has made, or null where it leaves that to the default.</summary>
    internal GuestMemory? Made;

    public BackingResult Invoke(GuestMemoryBacking backing, ulong offset, ulong length) => backing.CreateSlice(offset, length, allowPreemptivePinning, out Made);
}
