using System.Diagnostics;
using System.Runtime.ConstrainedExecution;
using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;
using Hyperspan.Interop.Windows;

namespace Hyperspan;

/// <summary>
/// A range of this process's addresses that nobody else is given while this object lives. What is mapped inside is the owner's affair.
/// </summary>
/// <remarks>
/// The range is given back by the finalizer, not on dispose, unless the owner was told that no access is under way: an access through a pointer read before a dispose may
/// still be under way, and must meet this range, whatever it holds by then, rather than memory of somebody else. Accesses keep their backing, and so this object, alive.
/// A critical finalizer, so that it runs after those of objects that refer to it.
/// </remarks>
internal sealed unsafe partial class AddressReservation : CriticalFinalizerObject
{
    private readonly AddressOrigin _origin;
    private readonly DividedAddresses? _divided;
    private nint _address;

    private AddressReservation(byte* address, ulong length, AddressOrigin origin, DividedAddresses? divided = null)
    {
        _address = (nint)address;
        Length = length;
        _origin = origin;
        _divided = divided;
    }

    ~AddressReservation() => GiveBack();

    /// <summary>Gets the first address.</summary>
    internal byte* Address => (byte*)_address;

    /// <summary>Gets the length in bytes, a multiple of the system's page size.</summary>
    internal ulong Length { get; }

    /// <summary>Reserves addresses, inaccessible and without memory behind them.</summary>
    /// <param name="length">The length in bytes; rounded up to the system's page size.</param>
    /// <param name="alignment">A power of two; the first address is a multiple of it.</param>
    /// <param name="name">The memory's name, for the error.</param>
    /// <param name="divisible">Whether parts of files are to lie in it, where that is possible (<see cref="HyperspanAbility.MappedFileParts"/>).</param>
    /// <exception cref="GuestMemoryMappingException">There are not so many addresses left.</exception>
    internal static AddressReservation Reserve(ulong length, ulong alignment, string name, bool divisible = false)
    {
        length = PageMath.RoundUp(length, PageMath.HostPageSize);
        if (OperatingSystem.IsWindows())
        {
            return ReserveOnWindows(length, alignment, name, divisible && Placeholders.WhyNot is null);
        }

        // The kernel aligns to pages only: ask for enough to find an aligned range inside, and return the rest.
        ulong slack = alignment > PageMath.HostPageSize ? alignment - PageMath.HostPageSize : 0;
        ulong whole = length + slack;
        if (MappingBudget.Take(1) is { } refusal)
        {
            throw new GuestMemoryMappingException("reserve addresses for", ErrorNumber.NoMemory, name, (0, length), refusal);
        }

        byte* start = LibC.Mmap(
            null, (nuint)whole, MappingProtection.None, MappingFlags.Private | MappingFlags.Anonymous | MappingFlags.NoReserve, -1, 0);
        if (start == LibC.MapFailed)
        {
            throw new GuestMemoryMappingException("reserve addresses for", Marshal.GetLastPInvokeError(), name, (0, length));
        }

        byte* aligned = (byte*)PageMath.RoundUp((ulong)start, alignment);
        ulong before = (ulong)(aligned - start);

        // SAFETY: head and tail were mapped a moment ago, nobody has been told about them. A failure (too many mappings) only leaves them reserved.
        if (before != 0)
        {
            _ = LibC.Munmap(start, (nuint)before);
        }

        if (slack != before)
        {
            _ = LibC.Munmap(aligned + length, (nuint)(slack - before));
        }

        return new AddressReservation(aligned, length, AddressOrigin.System);
    }

    /// <summary>Reserves addresses and maps private zeroed pages there, all of them accessible.</summary>
    /// <param name="length">The length in bytes; rounded up to the system's page size.</param>
    /// <param name="alignment">A power of two; the first address is a multiple of it.</param>
    /// <param name="name">The memory's name, for the error.</param>
    /// <param name="noReserve">Whether the kernel need not promise memory for all of them.</param>
    /// <param name="divisible">Whether parts of files are to lie in it.</param>
    /// <exception cref="GuestMemoryMappingException">There are not so many addresses left, or not so much memory.</exception>
    internal static AddressReservation Allocate(ulong length, ulong alignment, string name, bool noReserve, bool divisible = false)
    {
        AddressReservation reservation = Reserve(length, alignment, name, divisible);
        int error = reservation.MapAnonymous(0, reservation.Length, MappingProtection.ReadWrite, noReserve, out _);
        if (error != 0)
        {
            reservation.GiveBack();
            throw new GuestMemoryMappingException("allocate", error, name, (0, length));
        }

        return reservation;
    }

    /// <summary>Allocates zeroed, accessible memory from the C heap, for systems without the calls used here.</summary>
    /// <exception cref="OutOfMemoryException">There is not so much memory.</exception>
    internal static AddressReservation AllocateFromHeap(ulong length, ulong alignment)
    {
        byte* address = (byte*)NativeMemory.AlignedAlloc(checked((nuint)length), (nuint)alignment);
        NativeMemory.Clear(address, (nuint)length);
        return new AddressReservation(address, length, AddressOrigin.Heap);
    }

    /// <summary>
    /// Gives the range back, at the end of this object's life or at once: that is only for an owner that has told nobody about its address, or knows that nobody uses it
    /// any more. Idempotent.
    /// </summary>
    internal void GiveBack()
    {
        void* address = (void*)Interlocked.Exchange(ref _address, 0);
        if (address == null)
        {
            return;
        }

        // SAFETY: nothing refers to the range any more: this runs in the finalizer, or the owner says so.
        if (_origin == AddressOrigin.Heap)
        {
            NativeMemory.AlignedFree(address);
            return;
        }

        if (OperatingSystem.IsWindows())
        {
            if (_divided is { } divided)
            {
                divided.Release();
                return;
            }

            bool freed = _origin == AddressOrigin.View ? Kernel32.UnmapViewOfFile(address) : Kernel32.VirtualFree(address, 0, FreeType.Release);
            Debug.Assert(freed, "addresses that are ours");
            return;
        }

        int result = LibC.Munmap(address, (nuint)Length);
        MappingBudget.NoteGivenBack();
        Debug.Assert(result == 0, "munmap of a range that is ours");
    }
}
