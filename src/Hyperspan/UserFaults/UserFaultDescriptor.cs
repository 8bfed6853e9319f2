using System.Runtime.InteropServices;

using Hyperspan.Guarding;
using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.UserFaults;

/// <summary>
/// A userfaultfd(2). In the mode in which memory is restored (UFFD_FEATURE_SIGBUS), missing pages answer an access by SIGBUS, and are put in place whole: no thread waits in the
/// kernel, so nothing can hold up a collection.
/// </summary>
internal sealed unsafe class UserFaultDescriptor : IDisposable
{
    private const int UserModeOnly = 1;

    // Whether the kernel cannot be told to read without waiting whatever the descriptor says (before Linux 6.10).
    private static bool LacksNoWait;

    private readonly SafeFileHandle _file;
    private readonly bool _isPeers;

    private UserFaultDescriptor(SafeFileHandle file, bool isPeers)
    {
        _file = file;
        _isPeers = isPeers;
    }

    /// <summary>The length of what is read from it (<c>struct uffd_msg</c>).</summary>
    internal const int MessageLength = 32;

    /// <summary>Gets the number of the descriptor.</summary>
    internal int Number => (int)_file.DangerousGetHandle();

    /// <summary>Makes one.</summary>
    /// <param name="features">What the kernel must be able to do (<c>UFFD_FEATURE_…</c>).</param>
    /// <param name="ability">What it is for.</param>
    /// <param name="needs">Which kernel has that.</param>
    /// <exception cref="PlatformNotSupportedException">The kernel has none, or this process may not use it.</exception>
    internal static UserFaultDescriptor Create(ulong features, HyperspanAbility ability, string needs)
    {
        PlatformAbilities.Demand(ability);

        // For accesses of this process alone, which everybody may ask for (Linux 5.11); accesses by system calls fail while pages are missing, in this mode or not.
        int descriptor = LibC.Userfaultfd(OpenFlags.CloseOnExec | OpenFlags.NonBlocking | (OpenFlags)UserModeOnly);
        if (descriptor < 0)
        {
            descriptor = LibC.Userfaultfd(OpenFlags.CloseOnExec | OpenFlags.NonBlocking);
        }

        return Begin(descriptor, features, ability, needs);
    }

    /// <summary>Makes one that is told of the faults of system calls and of KVM, too.</summary>
    /// <inheritdoc cref="Create(ulong, HyperspanAbility, string)"/>
    internal static UserFaultDescriptor CreateForAllFaults(ulong features, HyperspanAbility ability, string needs)
    {
        PlatformAbilities.Demand(ability);
        const OpenFlags Flags = OpenFlags.CloseOnExec | OpenFlags.NonBlocking;
        int descriptor = LibC.Userfaultfd(Flags);
        if (descriptor < 0 && LibC.Open("/dev/userfaultfd", OpenFlags.ReadWrite | OpenFlags.CloseOnExec) is var number and >= 0)
        {
            using var device = new SafeFileHandle(number, ownsHandle: true);

            // SAFETY: the argument is a number.
            descriptor = LibC.Ioctl(device, LinuxConstants.USERFAULTFD_IOC_NEW, (void*)(nint)Flags);
        }

        return Begin(
            descriptor, features, ability, needs + ", and CAP_SYS_PTRACE, access to /dev/userfaultfd or vm.unprivileged_userfaultfd=1, because system calls and KVM write as well");
    }

    private static UserFaultDescriptor Begin(int descriptor, ulong features, HyperspanAbility ability, string needs)
    {
        if (descriptor < 0)
        {
            throw Unsupported(ability, needs);
        }

        var file = new SafeFileHandle(descriptor, ownsHandle: true);
        ulong* api = stackalloc ulong[] { LinuxConstants.UFFD_API, features, 0 };

        // SAFETY: struct uffdio_api is three numbers of 8 bytes, on this stack.
        if (LibC.Ioctl(file, LinuxConstants.UFFDIO_API, api) != 0)
        {
            PlatformNotSupportedException unsupported = Unsupported(ability, needs);
            file.Dispose();
            throw unsupported;
        }

        return new UserFaultDescriptor(file, isPeers: false);
    }

    /// <summary>Takes one that another process has made for memory of its own. Its events have to be read before pages can be put in place.</summary>
    internal static UserFaultDescriptor OfPeer(SafeFileHandle owned)
    {
        // Without this poll(2) says nothing. The flags belong to the descriptor, which both have: a peer may change them at any time, so no read relies on them.
        int flags = LibC.Fcntl(owned, FileCommand.GetFlags, 0);
        _ = LibC.Fcntl(owned, FileCommand.SetFlags, flags | (int)OpenFlags.NonBlocking);
        return new UserFaultDescriptor(owned, isPeers: true);
    }

    public void Dispose() => _file.Dispose();

    /// <summary>Reads an event, if there is one; does not wait for one.</summary>
    internal bool TryReadMessage(byte* message)
    {
        if (!Volatile.Read(ref LacksNoWait))
        {
            var part = new IoVector(message, MessageLength);

            // SAFETY: so many bytes of the caller's stack.
            nint read = LibC.Preadv2(_file, &part, 1, -1, LinuxConstants.RWF_NOWAIT);
            if (read >= 0 || Marshal.GetLastPInvokeError() is not (ErrorNumber.NotSupported or ErrorNumber.NotImplemented))
            {
                return read == MessageLength;
            }

            Volatile.Write(ref LacksNoWait, true);
        }

        // There is one, and a read does not wait: of a descriptor whose reads wait poll(2) gives an error instead. SAFETY: as above.
        var entry = new PollEntry { Descriptor = Number, Events = PollEvents.In };
        return LibC.Poll(&entry, 1, 0) == 1 && entry.Returned == PollEvents.In && LibC.Read(_file, message, MessageLength) == MessageLength;
    }

    /// <summary>Has accesses to missing pages fail.</summary>
    /// <returns>Zero or an error number.</returns>
    internal int Poison(byte* start, ulong length)
    {
        ulong* poison = stackalloc ulong[] { (ulong)start, length, 0, 0 };

        // SAFETY: struct uffdio_poison is four numbers of 8 bytes, on this stack.
        return LibC.Ioctl(_file, LinuxConstants.UFFDIO_POISON, poison) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    /// <summary>Has who waits for missing pages try again.</summary>
    internal void Wake(byte* start, ulong length)
    {
        ulong* range = stackalloc ulong[] { (ulong)start, length };

        // SAFETY: struct uffdio_range is two numbers of 8 bytes, on this stack. Refused only where nobody is there any more.
        _ = LibC.Ioctl(_file, LinuxConstants.UFFDIO_WAKE, range);
    }

    /// <summary>Watches a range of private memory: its pages that are not there are missing from now on.</summary>
    internal void Register(byte* start, ulong length, string name)
    {
        if (Register(start, length, LinuxConstants.UFFDIO_REGISTER_MODE_MISSING) is var error and not 0)
        {
            throw new GuestMemoryMappingException("watch the missing pages of", error, name, (0, length));
        }
    }

    /// <summary>Watches a range.</summary>
    /// <param name="start">Its first byte, at a page.</param>
    /// <param name="length">Its length in bytes, whole pages.</param>
    /// <param name="mode">For what (<c>UFFDIO_REGISTER_MODE_…</c>).</param>
    /// <returns>Zero or an error number.</returns>
    internal int Register(byte* start, ulong length, ulong mode)
    {
        ulong* register = stackalloc ulong[] { (ulong)start, length, mode, 0 };

        // SAFETY: struct uffdio_register is four numbers of 8 bytes, on this stack.
        return LibC.Ioctl(_file, LinuxConstants.UFFDIO_REGISTER, register) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    /// <summary>Lets pages be written that were protected, and wakes who waits for that.</summary>
    /// <returns>Zero or an error number.</returns>
    internal int LiftWriteProtection(byte* start, ulong length)
    {
        ulong* lift = stackalloc ulong[] { (ulong)start, length, 0 };

        // SAFETY: struct uffdio_writeprotect is three numbers of 8 bytes, on this stack.
        return LibC.Ioctl(_file, LinuxConstants.UFFDIO_WRITEPROTECT, lift) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    /// <summary>Puts pages in place, each whole at once. Those that are there already stay as they are.</summary>
    /// <param name="start">Where the first goes.</param>
    /// <param name="pages">What they hold.</param>
    /// <param name="pageSize">The size of a page of the mapping, which is the system's, or that of huge pages.</param>
    /// <returns>Zero or an error number.</returns>
    internal int Copy(byte* start, ReadOnlySpan<byte> pages, ulong pageSize)
    {
        fixed (byte* source = pages)
        {
            long* copy = stackalloc long[5];
            for (long done = 0; done < pages.Length;)
            {
                (copy[0], copy[1], copy[2], copy[3], copy[4]) = ((long)start + done, (long)source + done, pages.Length - done, 0, 0);

                // SAFETY: struct uffdio_copy is five numbers of 8 bytes, on this stack; the source is pinned, the target is the caller's.
                if (LibC.Ioctl(_file, LinuxConstants.UFFDIO_COPY, copy) == 0)
                {
                    return 0;
                }

                int error = Marshal.GetLastPInvokeError();
                if (!Advance(error, copy[4], pageSize, ref done))
                {
                    return error;
                }
            }
        }

        return 0;
    }

    /// <summary>Makes pages zero that are missing.</summary>
    /// <returns>Zero or an error number.</returns>
    internal int Zero(byte* start, ulong length)
    {
        long* zero = stackalloc long[4];
        for (long done = 0; done < (long)length;)
        {
            (zero[0], zero[1], zero[2], zero[3]) = ((long)start + done, (long)length - done, 0, 0);

            // SAFETY: struct uffdio_zeropage is four numbers of 8 bytes, on this stack; the target is the caller's.
            if (LibC.Ioctl(_file, LinuxConstants.UFFDIO_ZEROPAGE, zero) == 0)
            {
                return 0;
            }

            int error = Marshal.GetLastPInvokeError();
            if (!Advance(error, zero[3], PageMath.HostPageSize, ref done))
            {
                return error;
            }
        }

        return 0;
    }

    /// <summary>Whether to go on after an error: behind what was done, or behind a page that is there.</summary>
    private bool Advance(int error, long completed, ulong pageSize, ref long done)
    {
        if (completed > 0)
        {
            done += completed;
            return true;
        }

        if (error == ErrorNumber.Exists)
        {
            done += (long)pageSize;
            return true;
        }

        return error == ErrorNumber.Interrupted || (error == ErrorNumber.TryAgain && !_isPeers);
    }

    private static PlatformNotSupportedException Unsupported(HyperspanAbility ability, string needs) => new(
        $"{ability} is not there: userfaultfd is refused here ({ErrorNumber.Name(Marshal.GetLastPInvokeError())}): it needs {needs}, and a container that lets it through.");
}
