using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;

using Hyperspan.Guarding;
using Hyperspan.Interop.Linux;
using Hyperspan.Interop.Windows;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan;

/// <content>
/// The same on Windows: a range is one allocation of reserved addresses, in which pages are committed and given back, or one view of a section. Errors are those of
/// GetLastError.
/// </content>
internal sealed unsafe partial class AddressReservation
{
    /// <summary>Gets what lies where in addresses that can be divided.</summary>
    internal DividedAddresses? Divided => _divided;

    /// <summary>What places of allocations and views, and offsets in sections, are multiples of.</summary>
    internal const ulong AllocationGranularity = 64 << 10;

    // Addresses that have been found to be free may be somebody's a moment later.
    private const int Attempts = 32;

    /// <summary>Maps a part of a section, or of a file, which gets a section of its own for that. What is mapped stays until the addresses are given back.</summary>
    /// <param name="file">The section or the file.</param>
    /// <param name="offset">The first byte in it, a multiple of <see cref="AllocationGranularity"/>.</param>
    /// <param name="length">The length in bytes; it may not reach past the end.</param>
    /// <param name="access">What is done with it.</param>
    /// <param name="alignment">A power of two; the first address is a multiple of it.</param>
    /// <param name="name">The memory's name, for the error.</param>
    /// <exception cref="GuestMemoryMappingException">The system refused.</exception>
    [SupportedOSPlatform("windows")]
    internal static AddressReservation MapView(SafeFileHandle file, ulong offset, ulong length, ViewAccess access, ulong alignment, string name)
    {
        byte* view = TryMapView(file, offset, length, access, alignment, out int error);
        if (view is null && error == WindowsError.InvalidHandle)
        {
            PageProtection protection = access switch
            {
                ViewAccess.Read => PageProtection.ReadOnly,
                ViewAccess.Copy => PageProtection.WriteCopy,
                _ => PageProtection.ReadWrite,
            };
            using SafeFileHandle section = Kernel32.CreateFileMapping(file, null, protection, 0, 0, null);
            if (section.IsInvalid)
            {
                throw new GuestMemoryMappingException("make a section of the file for", Marshal.GetLastPInvokeError(), name, (0, length));
            }

            view = TryMapView(section, offset, length, access, alignment, out error);
        }

        if (view is null)
        {
            string? hint = error == WindowsError.AccessDenied ? "the file or section is shorter, or may not be accessed so" : null;
            throw new GuestMemoryMappingException("map the file for", error, name, (0, length), hint);
        }

        return new AddressReservation(view, PageMath.RoundUp(length, PageMath.HostPageSize), AddressOrigin.View);
    }

    [SupportedOSPlatform("windows")]
    private static AddressReservation ReserveOnWindows(ulong length, ulong alignment, string name, bool divisible)
    {
        DividedAddresses? divided = null;
        byte* address = null;
        int error = 0;
        for (int attempt = 0; address is null && attempt < Attempts; attempt++)
        {
            byte* place = FindPlace(length, alignment, out error);
            if (error == 0 && divisible)
            {
                divided = DividedAddresses.TryReserve(place, length, out error);
                address = divided is null ? null : divided.Address;
            }
            else if (error == 0)
            {
                // The system notes which pages are written from the beginning: it cannot be asked to later.
                address = Kernel32.VirtualAlloc(place, (nuint)length, AllocationType.Reserve | AllocationType.WriteWatch, PageProtection.NoAccess);
                error = address is null ? Marshal.GetLastPInvokeError() : 0;
            }

            if (alignment <= AllocationGranularity)
            {
                break;
            }
        }

        return address is not null
            ? new AddressReservation(address, length, divided is null ? AddressOrigin.System : AddressOrigin.Divided, divided)
            : throw new GuestMemoryMappingException("reserve addresses for", error, name, (0, length));
    }

    [SupportedOSPlatform("windows")]
    private static byte* TryMapView(SafeFileHandle section, ulong offset, ulong length, ViewAccess access, ulong alignment, out int error)
    {
        for (int attempt = 0; ; attempt++)
        {
            byte* place = FindPlace(length, alignment, out error);
            if (error != 0)
            {
                return null;
            }

            byte* view = Kernel32.MapViewOfFileEx(section, access, (uint)(offset >> 32), (uint)offset, (nuint)length, place);
            error = view is null ? Marshal.GetLastPInvokeError() : 0;
            if (view is not null || place is null || attempt == Attempts || error != WindowsError.InvalidAddress)
            {
                return view;
            }
        }
    }

    /// <summary>Finds free addresses of an alignment that the system does not give by itself; null leaves it to the system.</summary>
    [SupportedOSPlatform("windows")]
    private static byte* FindPlace(ulong length, ulong alignment, out int error)
    {
        error = 0;
        if (alignment <= AllocationGranularity)
        {
            return null;
        }

        byte* found = Kernel32.VirtualAlloc(null, (nuint)(length + alignment), AllocationType.Reserve, PageProtection.NoAccess);
        if (found is null)
        {
            error = Marshal.GetLastPInvokeError();
            return null;
        }

        // SAFETY: reserved a moment ago, nobody has been told about it.
        _ = Kernel32.VirtualFree(found, 0, FreeType.Release);
        return (byte*)PageMath.RoundUp((ulong)found, alignment);
    }

    /// <summary>Gives pages back, and puts zeros there unless they are to be inaccessible. In between there is nothing.</summary>
    [SupportedOSPlatform("windows")]
    private int ReplaceOnWindows(ulong offset, ulong length, MappingProtection protection, out bool emptied)
    {
        Debug.Assert(offset + length <= Length, "checked by the caller");
        if (_divided is { } divided)
        {
            int failed = divided.Replace(offset, offset + length, OnWindows(protection), out emptied);
            GC.KeepAlive(this);
            return failed;
        }

        emptied = false;

        // SAFETY: inside our range.
        int error = Kernel32.VirtualFree(Address + offset, (nuint)length, FreeType.Decommit) ? 0 : Marshal.GetLastPInvokeError();
        if (error == 0 && protection != MappingProtection.None)
        {
            error = GrantOnWindows(offset, length, protection);
            emptied = error != 0;
        }

        GC.KeepAlive(this);
        return error;
    }

    /// <summary>Commits what is reserved, as zeros, and gives everything the protection. It fails as a whole.</summary>
    [SupportedOSPlatform("windows")]
    private int GrantOnWindows(ulong offset, ulong length, MappingProtection protection)
    {
        if (_divided is { } divided)
        {
            int failed = divided.Grant(offset, offset + length, OnWindows(protection));
            GC.KeepAlive(this);
            return failed;
        }

        // SAFETY: inside our range; pages that are committed keep what they hold.
        int error = Kernel32.VirtualAlloc(Address + offset, (nuint)length, AllocationType.Commit, OnWindows(protection)) is null ? Marshal.GetLastPInvokeError() : 0;
        GC.KeepAlive(this);
        return error != 0 ? error : ProtectOnWindows(offset, length, protection);
    }

    [SupportedOSPlatform("windows")]
    private int ProtectOnWindows(ulong offset, ulong length, MappingProtection protection)
    {
        if (_divided is { } divided)
        {
            int failed = divided.Protect(offset, offset + length, OnWindows(protection));
            GC.KeepAlive(this);
            return failed;
        }

        // SAFETY: inside our range.
        int error = Kernel32.VirtualProtect(Address + offset, (nuint)length, OnWindows(protection), out _) ? 0 : Marshal.GetLastPInvokeError();
        GC.KeepAlive(this);
        return error;
    }

    [SupportedOSPlatform("windows")]
    private int MapFileOnWindows(ulong offset, ulong length, MappingProtection protection, bool isPrivate, SafeFileHandle file, ulong fileOffset, out bool emptied)
    {
        Debug.Assert(offset + length <= Length && _divided is not null, "checked by the caller, who has reserved addresses that can be divided");
        int error = _divided.MapFile(offset, offset + length, isPrivate ? PageProtection.WriteCopy : OnWindows(protection), file, fileOffset, out emptied);
        GC.KeepAlive(this);
        return error;
    }

    /// <summary>Takes pages from the system by accessing each of them.</summary>
    [SupportedOSPlatform("windows")]
    private int PopulateOnWindows(ulong offset, ulong length, bool write)
    {
        GuardedFault fault = Guard.FindLowestFault(Address + offset, (nuint)length, write, mayBlock: true);
        GC.KeepAlive(this);
        return fault.IsNone ? 0 : WindowsError.InvalidAddress;
    }

    internal static PageProtection OnWindows(MappingProtection protection) =>
        (protection & MappingProtection.Write) != 0 ? PageProtection.ReadWrite
        : (protection & MappingProtection.Read) != 0 ? PageProtection.ReadOnly
        : PageProtection.NoAccess;
}
