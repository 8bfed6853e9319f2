using System.Numerics;
using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Snapshots;

/// <content>Restoring into a file, such as the one behind the memory of a virtual machine.</content>
public sealed partial class GuestMemorySnapshot
{
    /// <summary>
    /// Writes the memory into a file as a memory file has it: the regions one after the other, each from a multiple of 4 KiB on. A memory of one region at address zero,
    /// as one saved from a memory file is, so becomes that file again.
    /// </summary>
    /// <param name="path">
    /// The path. A file there is written in place, so that it may be mapped meanwhile, and gets the length of the memory; pages that are zero become holes.
    /// </param>
    /// <param name="progress">Is told how far it has come; on any thread.</param>
    /// <param name="cancellationToken">Ends it; then some of the file has been written.</param>
    /// <returns>A task that ends when all is written.</returns>
    /// <exception cref="ArgumentException">The path is that of the snapshot, or of one that it is a difference to.</exception>
    /// <exception cref="IOException">The file could not be written, or is no regular file.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be written.</exception>
    /// <exception cref="InvalidSnapshotException">A file of the snapshot is damaged.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    /// <remarks>A file that was not there is there when it is complete, and not before. It is for its owner alone.</remarks>
    public Task RestoreFileAsync(string path, IProgress<SnapshotProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Task.Run(
            async () =>
            {
                RequireOther(path);
                RegularFile.RequireReplaceable(path);
                var layout = new MemoryFileLayout(_files[0].Regions, Path);
                // A link that leads nowhere is for .NET a file that is there.
                if (OperatingSystem.IsLinux() ? FileStatusCall.Of(path, followsLink: true) is null : !File.Exists(path))
                {
                    // Half of a memory looks like all of it: it gets its name when it is complete.
                    await ReplacedFile.WriteAsync(path, isDurable: false, file => Task.Run(() => RestoreFile(file.Stream.SafeFileHandle, layout, progress, cancellationToken)));
                    return;
                }

                try
                {
                    using var stream = new FileStream(
                        path, new FileStreamOptions { Mode = FileMode.Open, Access = FileAccess.ReadWrite, Share = FileShare.ReadWrite, BufferSize = 0 });
                    RestoreFile(stream.SafeFileHandle, layout, progress, cancellationToken);
                }
                catch (Exception e)
                {
                    if (RegularFile.OfLength(e, FullPaths.Of(path)) is { } named)
                    {
                        throw named;
                    }

                    throw;
                }
            },
            cancellationToken);
    }

    private bool RestoreFile(SafeFileHandle file, MemoryFileLayout layout, IProgress<SnapshotProgress>? progress, CancellationToken cancellationToken)
    {
        RegionMap regions = _files[0].Regions;
        long length = (long)layout.Length;
        RandomAccess.SetLength(file, length);
        var image = new SnapshotImage(_files, regions);
        var meter = new ProgressMeter(regions, progress);
        byte[] buffer = new byte[SnapshotFormat.ChunkSize];
        ulong moved = 0;
        long written = 0;
        for (ulong from = 0; image.TryNext(from, out ulong chunk, out ulong pages); from = chunk + 1)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int packed = BitOperations.PopCount(pages) << SnapshotFormat.PageShift;
            image.Read(chunk, pages, buffer.AsSpan(0, packed));
            moved += (ulong)packed;
            foreach ((GuestRange range, int at) in Parts(regions, chunk, pages))
            {
                long offset = (long)layout.OffsetOf(range.Start.Value);
                ClearFile(file, written, offset);
                RandomAccess.Write(file, buffer.AsSpan(at, (int)range.Length), offset);
                written = offset + (long)range.Length;
            }

            meter.Report(chunk, moved);
        }

        ClearFile(file, written, length);
        ulong total = regions.TotalBytes;
        progress?.Report(new SnapshotProgress(total, total, moved));
        return true;
    }

    /// <summary>Makes a part of a file zero: a hole where there can be one.</summary>
    private static void ClearFile(SafeFileHandle file, long from, long to)
    {
        byte[]? zeros = null;
        while (from < to)
        {
            long data = OperatingSystem.IsLinux() ? LibC.Lseek(file, from, SeekFrom.Data) : from;
            if (data < 0 && Marshal.GetLastPInvokeError() == ErrorNumber.NoAddress)
            {
                return;
            }

            from = Math.Max(from, data);
            if (from >= to)
            {
                return;
            }

            long hole = OperatingSystem.IsLinux() ? LibC.Lseek(file, from, SeekFrom.Hole) : to;
            long end = hole > from ? Math.Min(hole, to) : to;
            if (!OperatingSystem.IsLinux() || LibC.Fallocate(file, FileAllocation.PunchHole | FileAllocation.KeepSize, from, end - from) != 0)
            {
                zeros ??= new byte[SnapshotFormat.ChunkSize];
                for (long at = from; at < end; at += zeros.Length)
                {
                    RandomAccess.Write(file, zeros.AsSpan(0, (int)Math.Min(zeros.Length, end - at)), at);
                }
            }

            from = end;
        }
    }
}
