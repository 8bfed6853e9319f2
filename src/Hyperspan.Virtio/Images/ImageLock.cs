using System.Runtime.InteropServices;
using Hyperspan.Interop.Linux;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Virtio;

/// <summary>
/// The lock of an image by open-file-description locks, as QEMU takes it (its block/file-posix.c): a shared lock on one byte for each thing that is done to the image,
/// and on another for each that others may not do; then a look whether anybody holds the counterpart.
/// </summary>
internal static unsafe class ImageLock
{
    // Byte 100 and those behind it say what the holder does, byte 200 and those behind it what it does not permit others; one byte for each permission.
    private const long DoneBase = 100;
    private const long DeniedBase = 200;
    private const int Read = 0;
    private const int Write = 1;
    private const int Resize = 3;

    /// <summary>Takes the lock: others may read beside a reader, and nothing beside a writer that does not say itself that it bears one.</summary>
    /// <returns>Zero, or the error number; <see cref="ErrorNumber.TryAgain"/> where another instance is in the way. What was locked then goes with the file.</returns>
    internal static int Take(SafeFileHandle file, bool readOnly)
    {
        ReadOnlySpan<int> done = readOnly ? [Read] : [Read, Write];
        ReadOnlySpan<int> denied = [Write, Resize];

        // First all locks, then all looks: of two that come at once, at least one sees the other.
        int error = 0;
        foreach (int permission in done)
        {
            error = error == 0 ? Lock(file, DoneBase + permission) : error;
        }

        foreach (int permission in denied)
        {
            error = error == 0 ? Lock(file, DeniedBase + permission) : error;
        }

        foreach (int permission in done)
        {
            error = error == 0 ? Look(file, DeniedBase + permission) : error;
        }

        foreach (int permission in denied)
        {
            error = error == 0 ? Look(file, DoneBase + permission) : error;
        }

        return error == ErrorNumber.AccessDenied ? ErrorNumber.TryAgain : error;
    }

    /// <summary>Gives up all that <see cref="Take"/> has locked.</summary>
    internal static void Release(SafeFileHandle file) => Lock(file, DoneBase, DeniedBase + Resize + 1 - DoneBase, FileLockType.None);

    private static int Lock(SafeFileHandle file, long at, long length = 1, FileLockType type = FileLockType.Read)
    {
        var fileLock = new FileLock { Type = type, Start = at, Length = length };

        // SAFETY: the structure outlives the call and has the layout of struct flock.
        return LibC.Fcntl(file, FileCommand.SetOpenFileLock, (nint)(&fileLock)) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    private static int Look(SafeFileHandle file, long at)
    {
        var fileLock = new FileLock { Type = FileLockType.Write, Start = at, Length = 1 };

        // SAFETY: as above; the kernel writes the lock that is in the way into it, or that there is none.
        if (LibC.Fcntl(file, FileCommand.GetOpenFileLock, (nint)(&fileLock)) != 0)
        {
            return Marshal.GetLastPInvokeError();
        }

        return fileLock.Type == FileLockType.None ? 0 : ErrorNumber.TryAgain;
    }
}
