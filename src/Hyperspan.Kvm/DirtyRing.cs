using System.Runtime.CompilerServices;

using Hyperspan.Interop.Linux;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Kvm;

/// <summary>The ring in which the kernel notes the pages that a processor wrote to. Read by one thread at a time.</summary>
internal sealed unsafe class DirtyRing : IDisposable
{
    /// <summary>sizeof(struct kvm_dirty_gfn): flags, slot, offset in pages.</summary>
    internal const int EntrySize = 16;

    // KVM_DIRTY_LOG_PAGE_OFFSET of x86, in pages.
    private const long PageOffset = 64;
    private const uint IsDirty = 1;
    private const uint IsCollected = 2;

    private readonly byte* _entries;
    private readonly uint _mask;
    private readonly nuint _length;
    private uint _next;

    internal DirtyRing(SafeFileHandle processor, int entries)
    {
        _mask = (uint)entries - 1;
        _length = (nuint)entries * EntrySize;
        _entries = RunPage.Map(processor, _length, PageOffset * 4096);
    }

    /// <summary>Takes what is there, until the ring is empty.</summary>
    /// <returns>How many entries were taken.</returns>
    internal int Collect(Action<uint, ulong> page)
    {
        int taken = 0;
        while (true)
        {
            byte* entry = _entries + ((nuint)(_next & _mask) * EntrySize);

            // SAFETY: inside the mapping. The kernel writes the flags last, and looks at them before it takes the entry again.
            ref uint flags = ref Unsafe.AsRef<uint>(entry);
            if ((Volatile.Read(ref flags) & IsDirty) == 0)
            {
                return taken;
            }

            page(Unsafe.Read<uint>(entry + 4), Unsafe.Read<ulong>(entry + 8));
            Volatile.Write(ref flags, IsCollected);
            _next++;
            taken++;
        }
    }

    public void Dispose() => _ = LibC.Munmap(_entries, _length);
}
