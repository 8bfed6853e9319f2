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
/// that QEMU takes: one who writes keeps out all others, readers bear each other. A second instance, or a QEMU that has the same file open, is refused after two
/// seconds: requests of one that was killed hold the lock until they are done. The lock is advisory: programs that do not ask for one are not kept out.
/// </para>
/// <para>
/// Transfers go straight between the file and the pages of the guest, through the page cache or past it (<see cref="DiskCache"/>). Nothing is durable before <see cref="Flush"/>
/// (fdatasync(2)) returns. Once that has failed, every flush fails until the image is opened anew: the system may have dropped what it could not write.
/// A file that is truncated meanwhile ends in errors of the requests past its end; <see cref="Refresh"/> takes note of its new size.
/// </para>
/// </remarks>
[DebuggerDisplay("{Length} bytes, read-only: {IsReadOnly}")]
public sealed unsafe class RawDiskImage : IDiskImage
{
    /// <summary>The unit of a disk's size and of the offsets of its requests, in bytes (virtio 1.2, section 5.2).</summary>
    public const int SectorSize = 512;

    private const int ZeroesLength = 64 * 1024;

    // Of the logical blocks of block devices.
    private const ulong LargestBlock = 4096;

    // In the frozen part of the heap's pinned objects: its address is handed to the kernel.
    private static readonly byte[] Zeroes = GC.AllocateArray<byte>(ZeroesLength, pinned: true);

    // Enough for a disk to have something to choose from.
    private const int MostWorkers = 16;

    // A process that was killed is gone before the system has ended what it had in flight by io_uring, which holds the file and its lock.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly SafeFileHandle _file;
    private readonly FlushGate _flushes;
    private readonly ServedLock? _whileServed;
    private ulong _length;
    private bool _cannotPunch;
    private bool _cannotZero;

    private RawDiskImage(
        SafeFileHandle file, SafeFileHandle? direct, in DirectAlignment alignment, ulong length, bool readOnly, DiskCache cache, ServedLock? whileServed)
    {
        _whileServed = whileServed;
        _file = file;
        TransferFile = direct ?? file;
        (MemoryAlignment, OffsetAlignment) = (alignment.Memory, alignment.Offset);
        Writes = alignment.Offset > SectorSize ? new DirectWriteGate() : null;
        Cache = cache;
        NeverWaits = direct is null && IsInMemory(file);
        _flushes = new FlushGate(Synchronize);
        _length = length;
        IsReadOnly = readOnly;
    }

    /// <inheritdoc/>
    public ulong Length => Volatile.Read(ref _length);

    /// <inheritdoc/>
    public bool IsReadOnly { get; }

    /// <summary>Gets what the page cache has to do with it.</summary>
    public DiskCache Cache { get; }

    /// <summary>
    /// Gets by what transfers overlap that have to wait for the disk. <c>HYPERSPAN_DISK_ENGINE=threads</c> in the environment, or the AppContext switch
    /// <c>Hyperspan.Disk.Threads</c>, asks for threads.
    /// </summary>
    public static DiskEngine Engine => DiskEngineChoice.Engine;

    /// <summary>Gets the same in words, with the reason.</summary>
    public static string EngineDescription => DiskEngineChoice.Description;

    /// <summary>Gets the file that data is transferred with.</summary>
    internal SafeFileHandle TransferFile { get; }

    /// <summary>Gets a value indicating whether transfers go past the page cache.</summary>
    internal bool IsDirect => TransferFile != _file;

    /// <summary>Gets what the addresses of memory must be multiples of.</summary>
    internal ulong MemoryAlignment { get; }

    /// <summary>Gets what offsets in the file and the lengths of pieces of memory must be multiples of.</summary>
    internal ulong OffsetAlignment { get; }

    /// <summary>Gets what keeps writes of parts of blocks from others, where there are any.</summary>
    internal DirectWriteGate? Writes { get; }

    /// <summary>Gets a value indicating whether all of it is in memory.</summary>
    internal bool NeverWaits { get; }

    /// <summary>Gets or sets a value indicating whether the file system cannot tell that a read would have to wait.</summary>
    internal bool LacksNoWait { get; set; }

    /// <summary>Gets the threads that wait for this image.</summary>
    internal DiskWorkers Workers { get; } = new("disk", MostWorkers);

    /// <summary>
    /// Looks how large the file or block device is by now, in whole sectors (past the page cache, in whole blocks). A device that is made of it has that size from then on; its
    /// front end is to be told (vhost-user: <c>NotifyConfigChanged</c>). A size of nothing is no disk's, and ignored.
    /// </summary>
    /// <returns>Whether it has changed.</returns>
    /// <exception cref="ObjectDisposedException">The image has been disposed.</exception>
    public bool Refresh()
    {
        long size = LibC.Lseek(_file, 0, SeekFrom.End);
        ulong unit = Math.Max(SectorSize, OffsetAlignment);
        ulong length = size < 0 ? 0 : (ulong)size / unit * unit;
        return length != 0 && Interlocked.Exchange(ref _length, length) != length;
    }

    /// <summary>Opens and locks an image. Nothing about the file is changed.</summary>
    /// <param name="path">The file or block device.</param>
    /// <returns>The image.</returns>
    /// <exception cref="DiskImageException">It cannot serve as an image; <see cref="DiskImageException.Error"/> says why.</exception>
    /// <exception cref="PlatformNotSupportedException">This is not 64-bit Linux.</exception>
    public static RawDiskImage Open(string path) => Open(path, new RawDiskImageOptions());

    /// <summary>Opens and locks an image. Nothing about the file is changed.</summary>
    /// <param name="path">The file or block device.</param>
    /// <param name="access"><see cref="FileAccess.Read"/> to serve it read-only, or <see cref="FileAccess.ReadWrite"/>.</param>
    /// <returns>The image.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The access is neither: a disk can always be read.</exception>
    /// <exception cref="DiskImageException">It cannot serve as an image; <see cref="DiskImageException.Error"/> says why.</exception>
    /// <exception cref="PlatformNotSupportedException">This is not 64-bit Linux.</exception>
    public static RawDiskImage Open(string path, FileAccess access) => access is FileAccess.Read or FileAccess.ReadWrite
        ? Open(path, new RawDiskImageOptions { ReadOnly = access == FileAccess.Read })
        : throw new ArgumentOutOfRangeException(nameof(access), access, "A disk is served to read, or to read and write.");

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
        if (path.Contains('\0', StringComparison.Ordinal))
        {
            throw new ArgumentException("A path has no null character in it.", nameof(path));
        }

        bool readOnly = options.ReadOnly;
        HyperspanEnvironment.Demand(HyperspanAbility.VhostUser);

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
            if (options.RefuseOtherFormats && length >= SectorSize)
            {
                // Before its size, which of another format means nothing.
                CheckFormat(path, file, length);
            }

            if (length <= 0 || length % SectorSize != 0)
            {
                throw new DiskImageException(
                    DiskImageError.InvalidSize,
                    path,
                    length <= 0 ? "the image is empty" : $"the size of the image, {length} bytes, is not a multiple of {SectorSize}");
            }

            ServedLock? whileServed = null;
            if (options.Locking == ImageLocking.Always)
            {
                TakeLock(path, file, readOnly, Patience);
            }
            else
            {
                whileServed = new ServedLock(path, file, readOnly);
            }

            var alignment = new DirectAlignment(1, 1);
            SafeFileHandle? direct = options.Cache == DiskCache.Writeback ? null : DirectAlignment.Open(path, file, readOnly, (ulong)length, out alignment);
            return new RawDiskImage(file, direct, alignment, (ulong)length, readOnly, options.Cache, whileServed);
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
        _whileServed?.Enter();
        return new RawDiskChannel(this);
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
    /// <remarks>What is not all inside the image fails with EIO, and changes nothing.</remarks>
    public DiskResult Discard(ulong offset, ulong length)
    {
        if (!IsInside(offset, length))
        {
            return DiskResult.FromErrorNumber(ErrorNumber.InputOutput);
        }

        // A hint: where the file system has no holes there is nothing to do, nor for the parts of blocks at its ends.
        if (TryAllocate(FileAllocation.PunchHole, offset, length, ref _cannotPunch, out int error) || error == 0)
        {
            return DiskResult.Success;
        }

        return TryInner(error, ref offset, ref length) && (length == 0 || TryAllocate(FileAllocation.PunchHole, offset, length, ref _cannotPunch, out error) || error == 0)
            ? DiskResult.Success
            : DiskResult.FromErrorNumber(error);
    }

    /// <inheritdoc/>
    /// <remarks>What is not all inside the image fails with EIO, and changes nothing.</remarks>
    public DiskResult WriteZeroes(ulong offset, ulong length, bool mayUnmap)
    {
        if (!IsInside(offset, length))
        {
            return DiskResult.FromErrorNumber(ErrorNumber.InputOutput);
        }

        DiskResult result = ZeroWhole(offset, length, mayUnmap);
        (ulong inner, ulong innerLength) = (offset, length);
        if (result.Succeeded || !TryInner(result.ErrorNumber, ref inner, ref innerLength))
        {
            return result;
        }

        // The parts of blocks at its ends by writing, what is between them as before.
        result = WriteZeroBytes(offset, inner - offset);
        if (result.Succeeded && innerLength != 0)
        {
            result = ZeroWhole(inner, innerLength, mayUnmap);
        }

        return result.Succeeded ? WriteZeroBytes(inner + innerLength, offset + length - inner - innerLength) : result;
    }

    private bool IsInside(ulong offset, ulong length)
    {
        ulong end = Length;
        return offset <= end && length <= end - offset;
    }

    private DiskResult ZeroWhole(ulong offset, ulong length, bool mayUnmap)
    {
        int error = 0;
        if ((mayUnmap && (TryAllocate(FileAllocation.PunchHole, offset, length, ref _cannotPunch, out error) || error != 0))
            || TryAllocate(FileAllocation.ZeroRange, offset, length, ref _cannotZero, out error)
            || error != 0)
        {
            return error == 0 ? DiskResult.Success : DiskResult.FromErrorNumber(error);
        }

        return WriteZeroBytes(offset, length);
    }

    /// <summary>
    /// Cuts a range down to whole blocks, where the parts at its ends are why it was refused: a block device of 4 KiB blocks takes no others (fallocate(2) on it: EINVAL).
    /// </summary>
    /// <returns>Whether it was cut; nothing may be left of it, at a place within it.</returns>
    private static bool TryInner(int error, ref ulong offset, ref ulong length)
    {
        ulong end = offset + length;
        ulong first = (offset + LargestBlock - 1) & ~(LargestBlock - 1);
        ulong last = end & ~(LargestBlock - 1);
        if (error != ErrorNumber.InvalidArgument || (first == offset && last == end))
        {
            return false;
        }

        offset = Math.Min(first, end);
        length = last > offset ? last - offset : 0;
        return true;
    }

    /// <summary>Unlocks and closes the file. What was written and not flushed is written by the system in its own time.</summary>
    public void Dispose()
    {
        TransferFile.Dispose();
        _file.Dispose();
    }

    /// <summary>Says how a transfer went that was to move so many bytes.</summary>
    internal static DiskResult ResultOf(in FileTransfer transfer, ulong expected)
    {
        if (transfer.Succeeded && transfer.Transferred == expected)
        {
            return DiskResult.Success;
        }

        // Less than asked for without an error: the file ends there, it has been truncated.
        return transfer.Fault.IsFault
            ? DiskResult.FromFault(transfer.Fault)
            : DiskResult.FromErrorNumber(transfer.ErrorNumber != 0 ? transfer.ErrorNumber : ErrorNumber.InputOutput);
    }

    /// <summary>Whether a transfer's memory is locked, and lies as the disk wants it.</summary>
    internal bool CanGoStraight(DiskTransfer transfer)
    {
        ReadOnlySpan<IoVector> memory = transfer.Memory;
        if (!IsDirect || memory.IsEmpty)
        {
            return !memory.IsEmpty;
        }

        ulong misfits = (transfer.Offset | transfer.Length) & (OffsetAlignment - 1);
        foreach (IoVector piece in memory)
        {
            misfits |= (piece.Length & (OffsetAlignment - 1)) | ((ulong)piece.Address & (MemoryAlignment - 1));
        }

        return misfits == 0;
    }

    private static bool IsInMemory(SafeFileHandle file)
    {
        // struct statfs is 120 bytes; the type of the file system is its first word.
        ulong* status = stackalloc ulong[16];

        // SAFETY: the buffer is larger than what the kernel writes.
        return LibC.Fstatfs(file, status) == 0 && (uint)status[0] is LinuxConstants.TMPFS_MAGIC or LinuxConstants.HUGETLBFS_MAGIC;
    }

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

    /// <summary>Takes the lock, and waits for it.</summary>
    /// <param name="path">The path, for errors.</param>
    /// <param name="file">The image.</param>
    /// <param name="readOnly">Whether others may read it at the same time.</param>
    /// <param name="patience">How long another instance may take to give it up.</param>
    /// <exception cref="DiskImageException">Another instance does not give it up, or there are no locks.</exception>
    internal static void TakeLock(string path, SafeFileHandle file, bool readOnly, TimeSpan patience)
    {
        long started = Environment.TickCount64;
        while (true)
        {
            int error = ImageLock.Take(file, readOnly);
            if (error == 0)
            {
                return;
            }

            if (error != ErrorNumber.TryAgain)
            {
                throw new DiskImageException(DiskImageError.Other, path, $"cannot be locked: {Marshal.GetPInvokeErrorMessage(error)}");
            }

            // What was locked of it is given up, or two that wait would wait for each other.
            ImageLock.Release(file);
            if (Environment.TickCount64 - started > (long)patience.TotalMilliseconds)
            {
                throw new DiskImageException(DiskImageError.Locked, path, "is locked: another instance uses this image");
            }

            Thread.Sleep(5);
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
            while (ErrorNumber.IsInterrupted(got));

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
                return DiskResult.FromErrorNumber(error);
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
                    return DiskResult.FromErrorNumber(error);
                }
            }
        }

        return DiskResult.Success;
    }
}
