namespace Hyperspan.Interop.Linux;

/// <summary><c>struct kvm_userspace_memory_region</c>.</summary>
internal struct KvmMemoryRegion
{
    /// <summary>KVM_MEM_LOG_DIRTY_PAGES.</summary>
    internal const uint LogDirtyPages = 1;

    /// <summary>KVM_MEM_READONLY.</summary>
    internal const uint ReadOnly = 2;

    internal uint Slot;
    internal uint Flags;
    internal ulong GuestAddress;
    internal ulong Size;
    internal ulong HostAddress;
}
