using System.Runtime.Versioning;

using Hyperspan.Interop.Linux;
using Hyperspan.Interop.Windows;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan;

/// <summary>
/// A file that parts of a sparse mapping come from: our own descriptor of it, kept so that the parts can be shared, and closed when the last part goes.
/// Not thread-safe: its owner holds a lock.
/// </summary>
internal sealed class MappedFile
{
    private readonly FileStatus _status;

    // On Windows what the handle was opened for.
    private readonly int _openFlags;

    private MappedFile(SafeFileHandle handle, in FileStatus status, int openFlags)
    {
        Handle = handle;
        _status = status;
        _openFlags = openFlags;
    }

    internal SafeFileHandle Handle { get; }

    /// <summary>Gets or sets the number of segments that refer to it.</summary>
    internal int Uses { get; set; }

    /// <summary>Finds the file among those known, or adds it: many parts of one file take one descriptor.</summary>
    /// <exception cref="GuestMemoryMappingException">There are too many open files.</exception>
    internal static MappedFile Find(List<MappedFile> known, SafeFileHandle file)
    {
        if (OperatingSystem.IsWindows())
        {
            return FindOnWindows(known, file);
        }

        FileStatus status = FileDescriptors.Status(file);
        int openFlags = LibC.Fcntl(file, FileCommand.GetFlags, 0) & LinuxConstants.O_ACCMODE;
        foreach (MappedFile candidate in known)
        {
            // The descriptor that is kept keeps the inode from being given to another file.
            if (candidate._status.Inode == status.Inode
                && candidate._status.DeviceMajor == status.DeviceMajor
                && candidate._status.DeviceMinor == status.DeviceMinor
                && candidate._openFlags == openFlags)
            {
                return candidate;
            }
        }

        MappedFile added = new(FileDescriptors.Duplicate(file), status, openFlags);
        known.Add(added);
        return added;
    }

    /// <summary>The same where a file may be a section: one is known by being the same object, opened for the same.</summary>
    [SupportedOSPlatform("windows")]
    private static MappedFile FindOnWindows(List<MappedFile> known, SafeFileHandle file)
    {
        int access = (int)NtDll.GrantedAccess(file);
        foreach (MappedFile candidate in known)
        {
            if (candidate._openFlags == access && KernelBase.CompareObjectHandles(candidate.Handle, file))
            {
                return candidate;
            }
        }

        MappedFile added = new(FileDescriptors.Duplicate(file), default, access);
        known.Add(added);
        return added;
    }
}
