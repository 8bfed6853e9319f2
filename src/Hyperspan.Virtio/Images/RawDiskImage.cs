using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Hyperspan.Interop.Linux;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Virtio;

/// <summary>A raw disk image: the disk's bytes are those of a file or a block device. Needs 64-bit Linux.</summary>
/// <remarks>
/// <para>
/// The file is locked for as long as the image is open (or while it is served: <see cref="ImageLocking"/>), by the open-file-description locks (fcntl(2), F_OFD_SETLK)
/// that QEMU takes: one who writes keeps out all others, readers bear each other. A second instance, or a QEMU that has the same file open, is refused. The lock is
/// advisory: programs that do not ask for one are not kept out.
/// </para>
/// <para>
/// Transfers go through the page cache, straight between the file and the pages of the guest. Nothing is durable before <see cref="Flush"/> (fdatasync(2)) returns.
/// Once that has failed, every flush fails until the image is opened anew: the system may have dropped what it could not write.
/// A file that is truncated meanwhile ends in errors of the requests past its end.
/// </para>
/// </remarks>
[DebuggerDisplay("{Length} bytes, read-only: {IsReadOnly}")]
public sealed unsafe class RawDiskImage : IDiskImage
{
    /// <summary>The unit of a disk's size and of the offsets of its requests, in bytes (virtio 1.2, section 5.2).</summary>
    public const int SectorSize = 512;

    private const int ZeroesLength = 64 * 1024;

    // In the frozen part of the heap's pinned objects: its address is handed to the kernel.
    private static readonly byte[] Zeroes = GC.AllocateArray<byte>(ZeroesLength, pinned: true);

    private readonly SafeFileHandle _file;
    private readonly FlushGate _flushes;
    private readonly ServedLock? _whileServed;
    private bool _cannotPunch;
    private bool _cannotZero;

    private RawDiskImage(SafeFileHandle file, ulong length, bool readOnly, ServedLock? whileServed = null)
    {
        _whileServed = whileServed;
        _file = file;
        _flushes = new FlushGate(Synchronize);
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
    public static RawDiskImage Open(string path, bool readOnly = false) => Open(path, new RawDiskImageOptions { ReadOnly = readOnly });

    /// <summary>Opens and locks an image. Nothing about the file is changed.</summary>
    /// <param name="path">The file or block device.</param>
    /// <param name="options">How.</param>
    /// <returns>The image.</returns>
    /// <exception cref="DiskImageException">It cannot serve as an image; <see cref="DiskImageException.Error"/> says why.</exception>
    /// <exception cref="PlatformNotSupportedException">This is not 64-bit Linux.</exception>
    public static RawDiskImage Open(string path, RawDiskImageOptions options)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(options);
        bool readOnly = options.ReadOnly;
        if (!OperatingSystem.IsLinux() || nint.Size != 8)
        {
            throw new PlatformNotSupportedException("raw disk images need 64-bit Linux");
        }

        // Non-blocking, so that a pipe does not make us wait for its other end before it is refused; it means nothing to files.
        OpenFlags access = readOnly ? OpenFlags.ReadOnly : OpenFlags.ReadWrite;
        int descriptor = LibC.Open(path, access | OpenFlags.NonBlocking | OpenFlags.CloseOnExec);
        if (descriptor < 0)
        {
            throw OpenFailed(path, Marshal.GetLastPInvokeError());
        }

        var file = new SafeFileHandle(descriptor, ownsHandle: true);
        try
        {
            if (CheckType(path, file) == FileType.BlockDevice && !readOnly && options.RefuseDeviceInUse)
            {
                file = ClaimDevice(path, file);
            }

            long length = LibC.Lseek(file, 0, SeekFrom.End);
            if (length <= 0 || length % SectorSize != 0)
            {
                throw new DiskImageException(
                    DiskImageError.InvalidSize,
                    path,
                    length <= 0 ? "the image is empty" : $"the size of the image, {length} bytes, is not a multiple of {SectorSize}");
            }

            if (options.RefuseOtherFormats)
            {
                CheckFormat(path, file, length);
            }

            if (options.Locking == ImageLocking.Always)
            {
                TakeLock(path, file, readOnly);
                return new RawDiskImage(file, (ulong)length, readOnly);
            }

            return new RawDiskImage(file, (ulong)length, readOnly, new ServedLock(path, file, readOnly));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    /// <exception cref="DiskImageException">The image is locked while it is served alone, and another instance serves it.</exception>
    public IDiskChannel CreateChannel()
    {
        if (_whileServed is not { } served)
        {
            return new RawDiskChannel(_file);
        }

        served.Enter();
        return new LockedChannel(new RawDiskChannel(_file), this);
    }

    /// <summary>A channel has ended. With the last one everything goes to the disk before another instance may serve it.</summary>
    internal void EndChannel() => _whileServed?.Leave(() =>
    {
        if (!IsReadOnly)
        {
            Flush();
        }
    });

    /// <inheritdoc/>
    public DiskResult Flush() => _flushes.Flush();

    /// <inheritdoc/>
    public DiskResult Discard(ulong offset, ulong length)
    {
        // A hint: where the file system has no holes there is nothing to do.
        return TryAllocate(FileAllocation.PunchHole, offset, length, ref _cannotPunch, out int error) || error == 0
            ? DiskResult.Success
            : DiskResult.FromErrno(error);
    }

    /// <inheritdoc/>
    public DiskResult WriteZeroes(ulong offset, ulong length, bool mayUnmap)
    {
        int error = 0;
        if ((mayUnmap && (TryAllocate(FileAllocation.PunchHole, offset, length, ref _cannotPunch, out error) || error != 0))
            || TryAllocate(FileAllocation.ZeroRange, offset, length, ref _cannotZero, out error)
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
        ErrorNumber.NoEntry => new DiskImageException(DiskImageError.NotFound, path, "there is no such file"),
        ErrorNumber.AccessDenied => new DiskImageException(DiskImageError.AccessDenied, path, "access denied"),
        ErrorNumber.IsDirectory => new DiskImageException(DiskImageError.IsDirectory, path, "is a directory, not an image"),
        _ => new DiskImageException(DiskImageError.Other, path, $"cannot be opened: {Marshal.GetPInvokeErrorMessage(error)}"),
    };

    private static FileType CheckType(string path, SafeFileHandle file)
    {
        FileStatus status = default;

        // SAFETY: a local that outlives the call; the structure has the size the kernel writes.
        if (FileStatusCall.Invoke(file, "", LinuxConstants.AT_EMPTY_PATH, LinuxConstants.STATX_TYPE, &status) != 0)
        {
            throw OpenFailed(path, Marshal.GetLastPInvokeError());
        }

        switch (status.Type)
        {
            case FileType.Regular or FileType.BlockDevice:
                return status.Type;
            case FileType.Directory:
                throw OpenFailed(path, ErrorNumber.IsDirectory);
            default:
                throw new DiskImageException(DiskImageError.NotAFile, path, "is neither a regular file nor a block device");
        }
    }

    internal static void TakeLock(string path, SafeFileHandle file, bool readOnly)
    {
        int error = ImageLock.Take(file, readOnly);
        if (error != 0)
        {
            throw error == ErrorNumber.TryAgain
                ? new DiskImageException(DiskImageError.Locked, path, "is locked: another instance uses this image")
                : new DiskImageException(DiskImageError.Other, path, $"cannot be locked: {Marshal.GetPInvokeErrorMessage(error)}");
        }
    }

    /// <summary>Opens a block device once more, so that the system itself can neither be using it nor begin to.</summary>
    private static SafeFileHandle ClaimDevice(string path, SafeFileHandle file)
    {
        string again = string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{file.DangerousGetHandle()}");
        int descriptor = LibC.Open(again, OpenFlags.ReadWrite | OpenFlags.Exclusive | OpenFlags.NonBlocking | OpenFlags.CloseOnExec);
        if (descriptor >= 0)
        {
            file.Dispose();
            return new SafeFileHandle(descriptor, ownsHandle: true);
        }

        int error = Marshal.GetLastPInvokeError();
        throw error == ErrorNumber.Busy
            ? new DiskImageException(DiskImageError.DeviceInUse, path, "is in use by this system (mounted, swap, or part of another device)")
            : OpenFailed(path, error);
    }

    private static void CheckFormat(string path, SafeFileHandle file, long length)
    {
        Span<byte> head = stackalloc byte[ImageFormat.HeadLength];
        Span<byte> tail = stackalloc byte[SectorSize];
        ReadSector(path, file, head, 0);
        ReadSector(path, file, tail, length - SectorSize);
        if (ImageFormat.Detect(head, tail) is { } format)
        {
            throw new DiskImageException(DiskImageError.OtherFormat, path, $"is not a raw image: it bears the mark of {format}");
        }
    }

    private static void ReadSector(string path, SafeFileHandle file, Span<byte> destination, long offset)
    {
        // SAFETY: fixed, and not longer than the span.
        fixed (byte* start = destination)
        {
            nint got;
            do
            {
                got = LibC.Pread(file, start, (nuint)destination.Length, offset);
            }
            while (got < 0 && Marshal.GetLastPInvokeError() == ErrorNumber.Interrupted);

            if (got != destination.Length)
            {
                string reason = got < 0 ? ErrorNumber.LastMessage : "it ends too early";
                throw new DiskImageException(DiskImageError.Other, path, $"cannot be read at {offset}: {reason}");
            }
        }
    }

    private DiskResult Synchronize()
    {
        while (LibC.Fdatasync(_file) != 0)
        {
            int error = Marshal.GetLastPInvokeError();
            if (error != ErrorNumber.Interrupted)
            {
                return DiskResult.FromErrno(error);
            }
        }

        return DiskResult.Success;
    }

    /// <summary>Has the file system deallocate or zero a range. False with no error: it cannot do that kind of thing here.</summary>
    private bool TryAllocate(FileAllocation mode, ulong offset, ulong length, ref bool cannot, out int error)
    {
        error = 0;
        if (Volatile.Read(ref cannot))
        {
            return false;
        }

        while (LibC.Fallocate(_file, mode | FileAllocation.KeepSize, (long)offset, (long)length) != 0)
        {
            switch (Marshal.GetLastPInvokeError())
            {
                case ErrorNumber.Interrupted:
                    continue;
                case ErrorNumber.NotSupported or ErrorNumber.NotImplemented:
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
                nint written = LibC.Pwrite(_file, zeroes, (nuint)Math.Min(length, ZeroesLength), (long)offset);
                if (written > 0)
                {
                    offset += (ulong)written;
                    length -= (ulong)written;
                    continue;
                }

                int error = written == 0 ? ErrorNumber.InputOutput : Marshal.GetLastPInvokeError();
                if (error != ErrorNumber.Interrupted)
                {
                    return DiskResult.FromErrno(error);
                }
            }
        }

        return DiskResult.Success;
    }
}
