using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan;

/// <content>What can be put in the reserved range. Offsets and lengths have been checked by the caller; zero or an error number is returned.</content>
internal sealed unsafe partial class AddressReservation
{
    // Each method that hands an address of the range to the kernel ends with KeepAlive: without it the finalizer may give the range
    // back during the call, and the call would hit whoever has it then.

    // The kernel's limit is 80 bytes with the final zero.
    private const int MaximumNameLength = 79;

    /// <summary>
    /// Replaces pages by private zeroed ones. With <paramref name="noReserve"/>, the kernel does not promise memory for all of them.
    /// <paramref name="emptied"/> says that the call failed and took along what was mapped there, which is now inaccessible.
    /// </summary>
    internal int MapAnonymous(ulong offset, ulong length, MappingProtection protection, bool noReserve, out bool emptied)
    {
        if (OperatingSystem.IsWindows())
        {
            return ReplaceOnWindows(offset, length, protection, out emptied);
        }

        MappingFlags flags = MappingFlags.Private | MappingFlags.Anonymous | MappingFlags.Fixed;
        return MapFixed(offset, length, protection, noReserve ? flags | MappingFlags.NoReserve : flags, -1, 0, out emptied);
    }

    /// <summary>Replaces pages by those of a file. <paramref name="emptied"/> as in <see cref="MapAnonymous"/>.</summary>
    internal int MapFile(
        ulong offset, ulong length, MappingProtection protection, bool isPrivate, SafeFileHandle file, ulong fileOffset, out bool emptied)
    {
        if (OperatingSystem.IsWindows())
        {
            return MapFileOnWindows(offset, length, protection, isPrivate, file, fileOffset, out emptied);
        }

        emptied = false;
        MappingFlags flags = isPrivate ? MappingFlags.Private | MappingFlags.NoReserve : MappingFlags.Shared;
        using var held = new HeldDescriptor(file);

        // Once elsewhere first: whatever is wrong with the file (access, seals, type, an exhausted pool of huge pages) shows there,
        // before anything here has been replaced. It also makes the kernel set aside the huge pages.
        byte* trial = LibC.Mmap(null, (nuint)length, protection, flags, held.Number, (long)fileOffset);
        if (trial == LibC.MapFailed)
        {
            return Marshal.GetLastPInvokeError();
        }

        int error = MapFixed(offset, length, protection, flags | MappingFlags.Fixed, held.Number, fileOffset, out emptied);

        // SAFETY: mapped above, known to nobody else.
        _ = LibC.Munmap(trial, (nuint)length);
        return error;
    }

    /// <summary>Changes what the processor may do, and puts zeros where there was only a reservation. It can fail half-way as <see cref="Protect"/>.</summary>
    internal int Grant(ulong offset, ulong length, MappingProtection protection) =>
        OperatingSystem.IsWindows() ? GrantOnWindows(offset, length, protection) : Protect(offset, length, protection);

    /// <summary>Changes what the processor may do. It can fail half-way where the range holds mappings of several kinds.</summary>
    internal int Protect(ulong offset, ulong length, MappingProtection protection)
    {
        Debug.Assert(offset + length <= Length, "checked by the caller");
        if (OperatingSystem.IsWindows())
        {
            return ProtectOnWindows(offset, length, protection);
        }

        // SAFETY: inside our range.
        int error = LibC.Mprotect(Address + offset, (nuint)length, protection) == 0 ? 0 : Marshal.GetLastPInvokeError();
        GC.KeepAlive(this);
        return error;
    }

    /// <summary>Makes what <see cref="Grant"/> may have put where there was only a reservation inaccessible again.</summary>
    internal void Withdraw(ulong offset, ulong length) =>
        _ = OperatingSystem.IsWindows() ? MapAnonymous(offset, length, MappingProtection.None, noReserve: true, out _) : Protect(offset, length, MappingProtection.None);

    internal int Advise(ulong offset, ulong length, MemoryAdvice advice)
    {
        Debug.Assert(offset + length <= Length, "checked by the caller");
        if (OperatingSystem.IsWindows())
        {
            return PopulateOnWindows(offset, length, write: advice == MemoryAdvice.PopulateWrite);
        }

        while (true)
        {
            // SAFETY: inside our range; none of the advice used here takes pages away except DontNeed, whose caller means it.
            int error = LibC.Madvise(Address + offset, (nuint)length, advice) == 0 ? 0 : Marshal.GetLastPInvokeError();
            GC.KeepAlive(this);
            if (error is not (ErrorNumber.Interrupted or ErrorNumber.TryAgain))
            {
                return error;
            }
        }
    }

    /// <summary>Advises on huge pages; a system that knows none is not an error.</summary>
    internal void AdviseHugePages(ulong offset, ulong length, HugePageAdvice advice)
    {
        if (advice != HugePageAdvice.Default && !OperatingSystem.IsWindows())
        {
            _ = Advise(offset, length, advice == HugePageAdvice.Prefer ? MemoryAdvice.HugePage : MemoryAdvice.NoHugePage);
        }
    }

    /// <summary>Drops the contents of private pages, which read as zeros from then on.</summary>
    internal void DropContents()
    {
        // Pages locked into memory (mlockall) refuse the first; should the second be refused too, the memory goes with the addresses.
        if (Advise(0, Length, MemoryAdvice.DontNeed) == ErrorNumber.InvalidArgument)
        {
            _ = Advise(0, Length, MemoryAdvice.DontNeedLocked);
        }
    }

    /// <summary>Names private pages, as <c>/proc/self/maps</c> then shows them: <c>[anon:name]</c>. A kernel that cannot is not an error.</summary>
    internal void SetName(ulong offset, ulong length, string name)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        byte* text = stackalloc byte[MaximumNameLength + 1];
        int used = Encoding.ASCII.GetBytes(name.AsSpan(0, Math.Min(name.Length, MaximumNameLength)), new Span<byte>(text, MaximumNameLength));
        for (int i = 0; i < used; i++)
        {
            // What the kernel refuses: everything not printable, and characters that would confuse readers of the file (prctl(2)).
            if (text[i] is < 0x20 or > 0x7e or (byte)'[' or (byte)']' or (byte)'\\' or (byte)'$' or (byte)'`')
            {
                text[i] = (byte)'_';
            }
        }

        text[used] = 0;

        // SAFETY: inside our range; the kernel copies the text during the call.
        _ = LibC.Prctl(
            LinuxConstants.PR_SET_VMA, LinuxConstants.PR_SET_VMA_ANON_NAME, Address + offset, (nuint)length, text);
        GC.KeepAlive(this);
    }

    /// <summary>Replaces pages, seeing to it that the range stays ours when the kernel fails. <paramref name="emptied"/> as in <see cref="MapAnonymous"/>.</summary>
    internal int MapFixed(
        ulong offset, ulong length, MappingProtection protection, MappingFlags flags, int descriptor, ulong fileOffset, out bool emptied)
    {
        Debug.Assert(offset + length <= Length, "checked by the caller");
        emptied = false;
        byte* address = Address + offset;

        // SAFETY: inside our range, whose contents are the owner's to replace. The kernel replaces them in one step as others see it.
        if (LibC.Mmap(address, (nuint)length, protection, flags, descriptor, (long)fileOffset) != LibC.MapFailed)
        {
            GC.KeepAlive(this);
            return 0;
        }

        int error = Marshal.GetLastPInvokeError();

        // A kernel that fails late may have removed what was mapped before. Close the hole before somebody else is given it;
        // where nothing was removed, this is refused and changes nothing.
        byte* repaired = LibC.Mmap(
            address,
            (nuint)length,
            MappingProtection.None,
            MappingFlags.Private | MappingFlags.Anonymous | MappingFlags.NoReserve | MappingFlags.FixedNoReplace,
            -1,
            0);
        if (repaired == address)
        {
            emptied = true;
        }
        else if (repaired != LibC.MapFailed)
        {
            // A kernel before 4.17 takes the fixed address as a hint and answers with another one.
            _ = LibC.Munmap(repaired, (nuint)length);
        }

        GC.KeepAlive(this);
        return error;
    }
}
