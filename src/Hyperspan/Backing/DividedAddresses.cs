using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;

using Hyperspan.Interop.Windows;
using Hyperspan.Synchronization;

namespace Hyperspan;

/// <summary>
/// Addresses on Windows in which private memory and views of files lie beside each other: the map of what the system has there, in parts that cover all of it. Where nothing is
/// there lies a placeholder, so that nobody else is given the addresses. Errors are those of GetLastError.
/// </summary>
/// <remarks>
/// It belongs to an <see cref="AddressReservation"/>, whose owner knows what is meant to be where (<see cref="MappingTable"/>). Thread-safe. A view cannot be divided: of one
/// of which a part goes, the rest is gone for a moment too (<see cref="Disturbed"/>).
/// </remarks>
[SupportedOSPlatform("windows")]
internal sealed unsafe partial class DividedAddresses
{
    private readonly Lock _gate = new();
    private readonly List<DividedPart> _parts = [];
    private readonly byte* _address;

    private DividedAddresses(byte* address, ulong length)
    {
        _address = address;
        _parts.Add(new DividedPart(0, length, DividedPartKind.Vacant));
    }

    /// <summary>Gets the first address.</summary>
    internal byte* Address => _address;

    /// <summary>Reserves addresses: one allocation, in which nothing is committed, until it is divided.</summary>
    /// <param name="place">Where, or null to leave it to the system.</param>
    /// <param name="length">The length in bytes, a multiple of 4 KiB.</param>
    /// <param name="error">Zero or the error.</param>
    internal static DividedAddresses? TryReserve(byte* place, ulong length, out int error)
    {
        byte* address = KernelBase.VirtualAlloc2(
            Kernel32.CurrentProcess, place, (nuint)length, AllocationType.Reserve | AllocationType.ReservePlaceholder, PageProtection.NoAccess, null, 0);
        if (address is null)
        {
            error = Marshal.GetLastPInvokeError();
            return null;
        }

        var made = new DividedAddresses(address, length);
        error = made.MakePrivate(0, length);
        if (error != 0)
        {
            made.Release();
            return null;
        }

        return made;
    }

    /// <summary>
    /// Gives everything in a range back, and puts zeros there unless they are to be inaccessible. In between there is nothing. Where it fails, nothing is left there.
    /// </summary>
    internal int Replace(ulong start, ulong end, PageProtection protection, out bool emptied)
    {
        using (UninterruptedLock.Enter(_gate))
        {
            int error = Empty(start, end);
            if (error == 0 && protection != PageProtection.NoAccess)
            {
                error = GrantLocked(start, end, protection);
                if (error != 0)
                {
                    _ = Empty(start, end);
                }
            }

            emptied = error != 0;
            return error;
        }
    }

    /// <summary>Commits what is reserved, as zeros, and gives everything the protection. The caller has replaced the views. It can fail half-way.</summary>
    internal int Grant(ulong start, ulong end, PageProtection protection)
    {
        using (UninterruptedLock.Enter(_gate))
        {
            return GrantLocked(start, end, protection);
        }
    }

    /// <summary>Changes what the processor may do. It can fail half-way, except where a view does not permit it.</summary>
    internal int Protect(ulong start, ulong end, PageProtection protection)
    {
        using (UninterruptedLock.Enter(_gate))
        {
            List<DividedPart> parts = In(start, end);
            if (parts.Exists(part => part.Kind == DividedPartKind.View && IsMore(protection, part.Most)))
            {
                return WindowsError.AccessDenied;
            }

            foreach (DividedPart part in parts)
            {
                int error = part.Kind == DividedPartKind.View && IsMore(protection, part.Mapped)
                    ? Remap(part, protection)
                    : part is { Kind: DividedPartKind.View, IsVacant: true } ? 0 : ProtectPages(part.Start, part.End, protection);
                if (error != 0)
                {
                    return error;
                }
            }

            return 0;
        }
    }

    /// <summary>
    /// Lists what would be gone for a moment outside of a range, if the views that it begins or ends in were taken away, or (with a protection) had to be mapped again to be
    /// given it.
    /// </summary>
    internal List<(ulong Start, ulong End)> Disturbed(ulong start, ulong end, PageProtection? protection = null)
    {
        using (UninterruptedLock.Enter(_gate))
        {
            List<(ulong Start, ulong End)> disturbed = [];
            foreach (DividedPart view in Whole(start, end))
            {
                if (!view.IsMappedView || (protection is { } wanted && !IsMore(wanted, view.Mapped)))
                {
                    continue;
                }

                if (view.Start < start)
                {
                    disturbed.Add((view.Start, start));
                }

                if (view.End > end)
                {
                    disturbed.Add((end, view.End));
                }
            }

            return disturbed;
        }
    }

    /// <summary>Lists where nothing is, not even a reservation of private memory.</summary>
    internal List<(ulong Start, ulong End)> Vacant()
    {
        using (UninterruptedLock.Enter(_gate))
        {
            return [.. _parts.Where(part => part.Kind == DividedPartKind.Vacant).Select(part => (part.Start, part.End))];
        }
    }

    /// <summary>Gives all addresses back. Nobody uses them any more.</summary>
    internal void Release()
    {
        using (UninterruptedLock.Enter(_gate))
        {
            foreach (DividedPart part in _parts)
            {
                // SAFETY: nobody uses them any more. Each part is an allocation of its own.
                bool freed = part.IsMappedView
                    ? KernelBase.UnmapViewOfFile2(Kernel32.CurrentProcess, _address + part.Start, UnmapOptions.None)
                    : Kernel32.VirtualFree(_address + part.Start, 0, FreeType.Release);
                Debug.Assert(freed, "addresses that are ours");
            }

            _parts.Clear();
        }
    }

    /// <summary>Whether a protection permits something that another does not.</summary>
    private static bool IsMore(PageProtection wanted, PageProtection there) => Rank(wanted) > Rank(there);

    private static int Rank(PageProtection protection) => protection switch
    {
        PageProtection.NoAccess => 0,
        PageProtection.ReadOnly => 1,
        _ => 2,
    };

    /// <summary>Takes everything away: private pages are decommitted, views replaced by placeholders. Goes on after an error, and gives the first.</summary>
    private int Empty(ulong start, ulong end)
    {
        int first = 0;
        foreach (DividedPart part in In(start, end))
        {
            int error = part.Kind switch
            {
                DividedPartKind.View => Detach(part.Start, part.End),
                DividedPartKind.Private => Decommit(part.Start, part.End),
                _ => 0,
            };
            if (error != 0 && part.Kind == DividedPartKind.View && _parts[IndexOf(part.Start)].IsMappedView)
            {
                // It could not be divided.
                _ = ProtectPages(part.Start, part.End, PageProtection.NoAccess);
            }

            first = first == 0 ? error : first;
        }

        return first;
    }

    private int Decommit(ulong start, ulong end) =>

        // SAFETY: inside one allocation of ours.
        Kernel32.VirtualFree(_address + start, (nuint)(end - start), FreeType.Decommit) ? 0 : Marshal.GetLastPInvokeError();

    private int GrantLocked(ulong start, ulong end, PageProtection protection)
    {
        // Views are there only where one could not be taken away.
        foreach (DividedPart part in In(start, end))
        {
            if (part.Kind == DividedPartKind.View && Detach(part.Start, part.End) is var error and not 0)
            {
                return error;
            }
        }

        foreach ((ulong from, ulong to) in VacantAround(start, end))
        {
            if (MakePrivate(from, to) is var error and not 0)
            {
                return error;
            }
        }

        foreach (DividedPart part in In(start, end))
        {
            Debug.Assert(part.Kind == DividedPartKind.Private, "all of it by now");

            // SAFETY: inside one allocation of ours; pages that are committed keep what they hold.
            if (Kernel32.VirtualAlloc(_address + part.Start, (nuint)(part.End - part.Start), AllocationType.Commit, protection) is null)
            {
                return Marshal.GetLastPInvokeError();
            }

            if (ProtectPages(part.Start, part.End, protection) is var error and not 0)
            {
                return error;
            }
        }

        return 0;
    }

    private int ProtectPages(ulong start, ulong end, PageProtection protection) =>

        // SAFETY: inside one allocation or view of ours.
        Kernel32.VirtualProtect(_address + start, (nuint)(end - start), protection, out _) ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>Makes one allocation of private memory of placeholders.</summary>
    private int MakePrivate(ulong start, ulong end)
    {
        int error = Isolate(start, end);
        if (error != 0)
        {
            return error;
        }

        // SAFETY: a placeholder of ours. The system notes which pages are written from the beginning: it cannot be asked to later.
        byte* made = KernelBase.VirtualAlloc2(
            Kernel32.CurrentProcess,
            _address + start,
            (nuint)(end - start),
            AllocationType.Reserve | AllocationType.ReplacePlaceholder | AllocationType.WriteWatch,
            PageProtection.NoAccess,
            null,
            0);
        if (made is null)
        {
            return Marshal.GetLastPInvokeError();
        }

        Set(new DividedPart(start, end, DividedPartKind.Private));
        return 0;
    }

    /// <summary>Makes a single placeholder of a range in which there is nothing but placeholders.</summary>
    private int Isolate(ulong start, ulong end)
    {
        List<DividedPart> parts = In(start, end);
        foreach (DividedPart part in parts)
        {
            Debug.Assert(part.IsVacant, "the caller has emptied it");
            if (!IsPart(part))
            {
                // SAFETY: a part of a placeholder of ours becomes one by itself.
                if (!Kernel32.VirtualFree(_address + part.Start, (nuint)(part.End - part.Start), FreeType.Release | FreeType.PreservePlaceholder))
                {
                    return Marshal.GetLastPInvokeError();
                }

                Set(part);
            }
        }

        // SAFETY: placeholders of ours, one beside the other.
        if (parts.Count > 1 && !Kernel32.VirtualFree(_address + start, (nuint)(end - start), FreeType.Release | FreeType.CoalescePlaceholders))
        {
            return Marshal.GetLastPInvokeError();
        }

        Set(new DividedPart(start, end, DividedPartKind.Vacant));
        return 0;
    }

    /// <summary>Finds the runs of placeholders for nothing that a range touches, beyond its ends.</summary>
    private List<(ulong Start, ulong End)> VacantAround(ulong start, ulong end)
    {
        List<(ulong Start, ulong End)> runs = [];
        int i = IndexOf(start);
        while (i > 0 && _parts[i].Kind == DividedPartKind.Vacant && _parts[i - 1].Kind == DividedPartKind.Vacant)
        {
            i--;
        }

        for (bool joins = false; i < _parts.Count; i++)
        {
            DividedPart part = _parts[i];
            bool isVacant = part.Kind == DividedPartKind.Vacant;
            if (part.Start >= end && !(joins && isVacant))
            {
                break;
            }

            if (isVacant)
            {
                if (joins)
                {
                    runs[^1] = (runs[^1].Start, part.End);
                }
                else
                {
                    runs.Add((part.Start, part.End));
                }
            }

            joins = isVacant;
        }

        return runs;
    }
}
