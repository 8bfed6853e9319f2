using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;
using Hyperspan.Interop.Windows;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan;

/// <summary>Questions about open files that .NET has no answer to.</summary>
internal static unsafe class FileDescriptors
{
    /// <summary>Duplicates a descriptor: both refer to the same open file, each is closed for itself.</summary>
    /// <exception cref="GuestMemoryMappingException">There are too many open files.</exception>
    internal static SafeFileHandle Duplicate(SafeFileHandle file)
    {
        if (OperatingSystem.IsWindows())
        {
            return Kernel32.DuplicateHandle(
                Kernel32.CurrentProcess, file, Kernel32.CurrentProcess, out nint handle, 0, inherit: false, DuplicateOptions.SameAccess)
                ? new SafeFileHandle(handle, ownsHandle: true)
                : throw new GuestMemoryMappingException("duplicate the handle", Marshal.GetLastPInvokeError());
        }

        int descriptor = LibC.Fcntl(file, FileCommand.DuplicateCloseOnExec, 0);
        if (descriptor < 0)
        {
            throw new GuestMemoryMappingException("duplicate the file descriptor", Marshal.GetLastPInvokeError());
        }

        return new SafeFileHandle(descriptor, ownsHandle: true);
    }

    /// <summary>Asks for type, size and identity.</summary>
    /// <exception cref="GuestMemoryMappingException">The kernel would not say.</exception>
    internal static FileStatus Status(SafeFileHandle file)
    {
        if (OperatingSystem.IsWindows())
        {
            return new FileStatus((ulong)RandomAccess.GetLength(file));
        }

        return FileStatusCall.Of(file) ?? throw new GuestMemoryMappingException("ask for the state of the file", Marshal.GetLastPInvokeError());
    }

    /// <summary>The magic number of the file system, or zero where it cannot be had.</summary>
    internal static uint FileSystemMagic(SafeFileHandle file)
    {
        if (OperatingSystem.IsWindows())
        {
            return 0;
        }

        // struct statfs is smaller on every architecture and begins with its type, a machine word on those supported here.
        ulong* status = stackalloc ulong[64];

        // SAFETY: 512 bytes on this stack, more than the kernel writes (120 on x86-64).
        return LibC.Fstatfs(file, status) == 0 ? (uint)status[0] : 0;
    }

    /// <summary>The seals, or none where the file cannot have any.</summary>
    internal static FileSeals Seals(SafeFileHandle file)
    {
        if (OperatingSystem.IsWindows())
        {
            return FileSeals.None;
        }

        int seals = LibC.Fcntl(file, FileCommand.GetSeals, 0);
        return seals < 0 ? FileSeals.None : (FileSeals)seals;
    }

    /// <summary>The length of a whole file.</summary>
    internal static ulong WholeOf(in FileStatus status, string parameter) => status.IsRegular()
        ? status.Size
        : throw new ArgumentException("The file is not a regular one and has no size to go by: give the length.", parameter);

    internal static bool IsRegular(this in FileStatus status) =>
        status.Type == FileType.Regular;
}
