using System.Runtime.InteropServices;
using Hyperspan.Virtio.Interop;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Virtio;

/// <summary>A raw disk image: the disk's bytes are those of a file or a block device. Needs 64-bit Linux.</summary>
/// <remarks>
/// <para>
/// The file is locked for as long as the image is open, by open-file-description locks (fcntl(2), F_OFD_SETLK) on all of it: exclusively when it can be written, shared otherwise.
/// A second instance, or a QEMU that has the same file open, is refused. The lock is advisory: programs that do not ask for one are not kept out.
/// </para>
/// <para>
/// Transfers go through the page cache, straight between the file and the pages of the guest. Nothing is durable before <see cref="Flush"/> (fdatasync(2)) returns.
/// A file that is truncated meanwhile ends in errors of the requests past its end.
/// </para>
/// </remarks>
public sealed unsafe class RawDiskImage : IDiskImage
{
    /// <summary>The unit of a disk's size and of the offsets of its requests, in bytes (virtio 1.2, section 5.2).</summary>
    public const int SectorSize = 512;

    private const int ZeroesLength = 64 * 1024;

    // In the frozen part of the heap's pinned objects: its address is handed to the kernel.
    private static readonly byte[] Zeroes = GC.AllocateArray<byte>(ZeroesLength, pinned: true);

    private readonly SafeFileHandle _file;
    private bool _cannotPunch;
    private bool _cannotZero;

    private RawDiskImage(SafeFileHandle file, ulong length, bool readOnly)
    {
        _file = file;
        Length = length;
        IsReadOnly = readOnly;
    }

    /// <inheritdoc/>
    public ulong Length { get; }

    /// <inheritdoc/>
    public bool IsReadOnly { get; }

    /// <summary>Opens and locks an image. Nothing about the file is changed.</summary>
    /// <param name="path">The file or block device.</param>
    /// <param name="readOnly">Whether to open it for reading alone.</param>
    /// <returns>The image.</returns>
    /// <exception cref="DiskImageException">It cannot serve as an image; <see cref="DiskImageException.Error"/> says why.</exception>
    /// <exception cref="PlatformNotSupportedException">This is not 64-bit Linux.</exception>
    public static RawDiskImage Open(string path, bool readOnly = false)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!OperatingSystem.IsLinux() || nint.Size != 8)
        {
            throw new PlatformNotSupportedException("raw disk images need 64-bit Linux");
        }

        // Non-blocking, so that a pipe does not make us wait for its other end before it is refused; it means nothing to files.
        int access = readOnly ? LibC.OpenReadOnly : LibC.OpenReadWrite;
        int descriptor = LibC.Open(path, access | LibC.OpenNonBlocking | LibC.OpenCloseOnExec);
        if (descriptor < 0)
        {
            throw OpenFailed(path, Marshal.GetLastPInvokeError());
        }

        var file = new SafeFileHandle(descriptor, ownsHandle: true);
        try
        {
            CheckType(path, file);
            long length = LibC.Seek(file, 0, LibC.SeekEnd);
            if (length <= 0 || length % SectorSize != 0)
            {
                throw new DiskImageException(
                    DiskImageError.InvalidSize,
                    path,
                    length <= 0 ? "the image is empty" : $"the size of the image, {length} bytes, is not a multiple of {SectorSize}");
            }

            TakeLock(path, file, readOnly);
            return new RawDiskImage(file, (ulong)length, readOnly);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public IDiskChannel CreateChannel() => new RawDiskChannel(_file);

    /// <inheritdoc/>
    public DiskResult Flush()
    {
        while (LibC.SynchronizeData(_file) != 0)
        {
            int error = Marshal.GetLastPInvokeError();
            if (error != LibC.Interrupted)
            {
                return DiskResult.FromErrno(error);
            }
        }

        return DiskResult.Success;
    }

    /// <inheritdoc/>
    public DiskResult Discard(ulong offset, ulong length)
    {
        // A hint: where the file system has no holes there is nothing to do.
        return TryAllocate(LibC.PunchHole, offset, length, ref _cannotPunch, out int error) || error == 0
            ? DiskResult.Success
            : DiskResult.FromErrno(error);
    }

    /// <inheritdoc/>
    public DiskResult WriteZeroes(ulong offset, ulong length, bool mayUnmap)
    {
        int error = 0;
        if ((mayUnmap && (TryAllocate(LibC.PunchHole, offset, length, ref _cannotPunch, out error) || error != 0))
            || TryAllocate(LibC.ZeroRange, offset, length, ref _cannotZero, out error)
            || error != 0)
        {
            return error == 0 ? DiskResult.Success : DiskResult.FromErrno(error);
        }

        return WriteZeroBytes(offset, length);
    }

    /// <summary>Unlocks and closes the file. What was written and not flushed is written by the system in its own time.</summary>
    public void Dispose() => _file.Dispose();

    private static DiskImageException OpenFailed(string path, int error) => error switch
    {
        LibC.NoEntry => new DiskImageException(DiskImageError.NotFound, path, "there is no such file"),
        LibC.AccessDenied => new DiskImageException(DiskImageError.AccessDenied, path, "access denied"),
        LibC.IsDirectory => new DiskImageException(DiskImageError.IsDirectory, path, "is a directory, not an image"),
        _ => new DiskImageException(DiskImageError.Other, path, $"cannot be opened: {Marshal.GetPInvokeErrorMessage(error)}"),
    };

    private static void CheckType(string path, SafeFileHandle file)
    {
        // SAFETY: 256 bytes, the size of struct statx on every architecture, and an empty path; both outlive the call.
        byte* status = stackalloc byte[256];
        byte empty = 0;
        if (LibC.GetFileStatus(file, &empty, LibC.AtEmptyPath, LibC.StatxType, status) != 0)
        {
            throw OpenFailed(path, Marshal.GetLastPInvokeError());
        }

        switch (*(ushort*)(status + LibC.StatxModeOffset) & LibC.FileTypeMask)
        {
            case LibC.FileTypeRegular or LibC.FileTypeBlock:
                return;
            case LibC.FileTypeDirectory:
                throw OpenFailed(path, LibC.IsDirectory);
            default:
                throw new DiskImageException(DiskImageError.NotAFile, path, "is neither a regular file nor a block device");
        }
    }

    private static void TakeLock(string path, SafeFileHandle file, bool shared)
    {
        // Length zero: to the end, wherever that is.
        var fileLock = new FileLock { Type = shared ? LibC.ReadLock : LibC.WriteLock };

        // SAFETY: the structure outlives the call and has the layout of struct flock.
        if (LibC.Lock(file, LibC.SetOpenFileLock, &fileLock) == 0)
        {
            return;
        }

        int error = Marshal.GetLastPInvokeError();
        throw error is LibC.TryAgain or LibC.AccessDenied
            ? new DiskImageException(DiskImageError.Locked, path, "is locked: another instance uses this image")
            : new DiskImageException(DiskImageError.Other, path, $"cannot be locked: {Marshal.GetPInvokeErrorMessage(error)}");
    }

    /// <summary>Has the file system deallocate or zero a range. False with no error: it cannot do that kind of thing here.</summary>
    private bool TryAllocate(int mode, ulong offset, ulong length, ref bool cannot, out int error)
    {
        error = 0;
        if (Volatile.Read(ref cannot))
        {
            return false;
        }

        while (LibC.Allocate(_file, mode | LibC.KeepSize, (long)offset, (long)length) != 0)
        {
            switch (Marshal.GetLastPInvokeError())
            {
                case LibC.Interrupted:
                    continue;
                case LibC.NotSupported or LibC.NotImplemented:
                    Volatile.Write(ref cannot, true);
                    return false;
                case int other:
                    error = other;
                    return false;
            }
        }

        return true;
    }

    private DiskResult WriteZeroBytes(ulong offset, ulong length)
    {
        // SAFETY: pinned, and never longer than the array.
        fixed (byte* zeroes = Zeroes)
        {
            while (length > 0)
            {
                nint written = LibC.Write(_file, zeroes, (nuint)Math.Min(length, ZeroesLength), (long)offset);
                if (written > 0)
                {
                    offset += (ulong)written;
                    length -= (ulong)written;
                    continue;
                }

                int error = written == 0 ? LibC.InputOutput : Marshal.GetLastPInvokeError();
                if (error != LibC.Interrupted)
                {
                    return DiskResult.FromErrno(error);
                }
            }
        }

        return DiskResult.Success;
    }
}
