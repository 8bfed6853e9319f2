namespace Hyperspan;

/// <summary>Has a backing prepare memory for the kernel or a device.</summary>
internal readonly struct ExposeCall : IBackingCall
{
    public BackingResult Invoke(GuestMemoryBacking backing, ulong offset, ulong length) => backing.ExposeAddress(offset, length);
}
