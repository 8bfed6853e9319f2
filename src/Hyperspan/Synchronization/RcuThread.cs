using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hyperspan.Synchronization;

/// <summary>
/// The slots of one thread, by domain number, and how the thread finds them. Outlives the thread: the registry gives it to
/// the next one.
/// </summary>
/// <remarks>
/// The lookup fields hold a slot only while the thread is attached, so that the one test for null that a reader makes covers a
/// thread unknown so far, a domain new to it and a thread that went quiescent. A thread-static of a primitive type in a class
/// without static constructor is what the JIT finds fastest: about 1 ns, and hoisted out of loops.
/// </remarks>
internal sealed unsafe class RcuThread
{
    [ThreadStatic]
    private static nint GuestMemorySlot;

    // The address of a native array: how many domains it covers, then the slots of domains 1, 2, ...
    [ThreadStatic]
    private static nint OtherSlots;

    [ThreadStatic]
    private static RcuThread? CurrentThread;

    private Thread? _owner;
    private nint[] _slots = [];
    private nint* _lookup;

    /// <summary>The calling thread's record; null when it never entered a section.</summary>
    internal static RcuThread? Current => CurrentThread;

    /// <summary>The thread that uses the record now; null while none does.</summary>
    internal Thread? Owner
    {
        get => Volatile.Read(ref _owner);
        set => Volatile.Write(ref _owner, value);
    }

    /// <summary>The calling thread's slot in the domain of guest memory, attached.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static RcuSlot* GetGuestMemorySlot()
    {
        // SAFETY: the field is zero or the address of a slot of this thread, and slots are never freed.
        var slot = (RcuSlot*)GuestMemorySlot;
        return slot != null ? slot : Attach(RcuRegistry.GuestMemoryIndex);
    }

    /// <summary>The calling thread's slot in a domain, attached.</summary>
    /// <remarks>
    /// Made for guest memory's domain: one field of the thread, read before the domain is looked at, and everything else out of the way. The JIT hoists such a look-up
    /// out of loops; with a second field or more arithmetic it does not, and the look-up is half of what a section costs.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static RcuSlot* GetSlot(RcuDomain domain)
    {
        // SAFETY: the field is zero or the address of a slot of this thread, and slots are never freed.
        nint slot = GuestMemorySlot;
        return slot != 0 && domain.Index == RcuRegistry.GuestMemoryIndex ? (RcuSlot*)slot : FindOrAttach(domain.Index);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static RcuSlot* FindOrAttach(int index)
    {
        // SAFETY: the array belongs to this thread, and its first element says how far it goes.
        var others = (nint*)OtherSlots;
        nint slot = index != RcuRegistry.GuestMemoryIndex && others != null && index <= others[0] ? others[index] : 0;
        return slot != 0 ? (RcuSlot*)slot : Attach(index);
    }

    /// <summary>The record's slot in domain number <paramref name="index"/>; null when its threads never entered that domain.</summary>
    internal RcuSlot* FindSlot(int index)
    {
        // Grown by replacement, so that a writer can read it at any time.
        nint[] slots = Volatile.Read(ref _slots);
        return (uint)index < (uint)slots.Length ? (RcuSlot*)slots[index] : null;
    }

    /// <summary>Whether this record's thread may be in a section of domain number <paramref name="index"/>.</summary>
    internal bool IsAttached(int index)
    {
        // SAFETY: slots are never freed.
        RcuSlot* slot = FindSlot(index);
        return slot != null && slot->IsAttached;
    }

    /// <summary>Detaches the calling thread, which owns the record and is in no section of this domain.</summary>
    internal void Detach(int index)
    {
        RcuSlot* slot = FindSlot(index);
        if (slot == null)
        {
            return;
        }

        SetLookup(this, index, 0);

        // SAFETY: slots are never freed.
        slot->Detach();
    }

    /// <summary>Clears the traces of a thread that has ended. Under the registry's lock.</summary>
    internal void Release()
    {
        foreach (nint slot in _slots)
        {
            if (slot != 0)
            {
                // SAFETY: slots are never freed; their writer has ended and the record has no other yet.
                ((RcuSlot*)slot)->Reset();
            }
        }

        // Kept for the next thread, which begins with a null field and gets it from Attach.
        if (_lookup != null)
        {
            // SAFETY: the thread that used the array has ended.
            new Span<nint>(_lookup + 1, (int)_lookup[0]).Clear();
        }

        Owner = null;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static RcuSlot* Attach(int index)
    {
        RcuThread thread = CurrentThread ??= RcuRegistry.Register();
        if (index == RcuRegistry.GuestMemoryIndex)
        {
            // A thread that is new here may be somebody else's.
            HyperspanEnvironment.PrepareThread();
        }

        RcuSlot* slot = thread.FindSlot(index);
        if (slot == null)
        {
            slot = thread.AddSlot(index);
        }

        // SAFETY: slots are never freed.
        slot->Attach();
        SetLookup(thread, index, (nint)slot);
        return slot;
    }

    private static void SetLookup(RcuThread thread, int index, nint slot)
    {
        if (index == RcuRegistry.GuestMemoryIndex)
        {
            GuestMemorySlot = slot;
            return;
        }

        // SAFETY: the array belongs to this thread; grown before it is written past its end.
        var others = (nint*)OtherSlots;
        if (others == null || index > others[0])
        {
            OtherSlots = (nint)(others = thread.GrowLookup(index));
        }

        others[index] = slot;
    }

    /// <summary>Makes the look-up array cover domain number <paramref name="index"/>. The owner calls it, and only it uses the array.</summary>
    private nint* GrowLookup(int index)
    {
        nint had = _lookup == null ? 0 : _lookup[0];
        nint covers = Math.Max(Math.Max(had, 7), index);

        // SAFETY: what is new is zeroed before it is used; the old address is known to the owner only, which replaces it.
        _lookup = (nint*)NativeMemory.Realloc(_lookup, (nuint)(covers + 1) * (nuint)sizeof(nint));
        new Span<nint>(_lookup + had + 1, (int)(covers - had)).Clear();
        _lookup[0] = covers;
        return _lookup;
    }

    private RcuSlot* AddSlot(int index)
    {
        // Never freed: a section may still be running in a domain that was collected, and a record serves threads for ever.
        // SAFETY: zeroed before anybody else can see it.
        void* slot = NativeMemory.AlignedAlloc(RcuSlot.Size, RcuSlot.Size);
        NativeMemory.Clear(slot, RcuSlot.Size);

        nint[] slots = _slots;
        var grown = new nint[Math.Max(slots.Length, index + 1)];
        slots.CopyTo(grown, 0);
        grown[index] = (nint)slot;
        Volatile.Write(ref _slots, grown);
        return (RcuSlot*)slot;
    }
}
