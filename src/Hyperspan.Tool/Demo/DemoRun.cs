using System.Diagnostics;
using System.Security.Cryptography;

using Hyperspan.Tool.Output;
using Hyperspan.VhostUser;
using Hyperspan.Virtio;

namespace Hyperspan.Tool.Demo;

/// <summary>The demonstration, step by step. What goes wrong is a result, not an exception.</summary>
internal sealed partial class DemoRun : IDisposable
{
    private readonly IDemoProgress _progress;
    private readonly CancellationToken _cancellationToken;
    private readonly DemoMemory _memory = new();
    private readonly DemoBackEnd _backEnd;
    private readonly DemoReport _report = new() { Version = ToolVersion.Text, Guard = HyperspanEnvironment.GetGuardDescription() };
    private DemoGuest? _guest;
    private DemoTransfer? _transfer;
    private Task<VhostUserEvent>? _ended;

    private DemoRun(IDemoProgress progress, CancellationToken cancellationToken)
    {
        _progress = progress;
        _cancellationToken = cancellationToken;
        _backEnd = new DemoBackEnd(DemoLayout.DiskLength);
    }

    /// <summary>Runs all of it.</summary>
    /// <param name="progress">Is told how it goes.</param>
    /// <param name="cancellationToken">Ends it early.</param>
    /// <exception cref="OperationCanceledException">It was ended early; nothing is left behind.</exception>
    /// <exception cref="IOException">There is no room for the image, or not enough memory or descriptors.</exception>
    internal static DemoReport Execute(IDemoProgress progress, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        using var run = new DemoRun(progress, cancellationToken);
        _ = run.Step("connect", 0, run.Connect)
            && run.Step("format", 0, run.Format)
            && run.Step("write", DemoLayout.DataLength, run.Write)
            && run.Step("read back", DemoLayout.DataLength, run.ReadBack)
            && run.Step("random", DemoLayout.SmallRequests * (ulong)DemoLayout.SmallRequest, run.ReadRandomly)
            && run.Step("erase", 0, run.Erase)
            && run.Step("compare", DemoLayout.DataLength, run.CompareImage)
            && run.Step("truncate", 0, run.Truncate)
            && run.Step("reconnect", DemoLayout.DataLength, run.Reconnect);
        run._report.Memory = run.DescribeMemory();
        run._report.Seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return run._report;
    }

    public void Dispose()
    {
        _guest?.Dispose();
        _backEnd.Dispose();
        _memory.Dispose();
    }

    private static string Hex(byte[] hash) => Convert.ToHexStringLower(hash);

    private static void Require(bool condition, string otherwise)
    {
        if (!condition)
        {
            throw new DemoException(otherwise);
        }
    }

    private bool Step(string name, ulong total, Func<string> action)
    {
        _progress.Begin(name, total);
        (long requests, ulong bytes) = (_transfer?.Requests ?? 0, _transfer?.Bytes ?? 0);
        DemoTransfer? before = _transfer;
        long start = Stopwatch.GetTimestamp();
        string detail;
        try
        {
            detail = action();
        }
        catch (Exception e) when (e is DemoException or IOException or InvalidDataException or GuestMemoryException)
        {
            _report.Error = $"{name}: {e.Message}";
            detail = e.Message;
        }

        if (_transfer != before)
        {
            (requests, bytes) = (0, 0);
        }

        _report.Steps.Add(new DemoStep(
            name,
            (_transfer?.Requests ?? 0) - requests,
            (_transfer?.Bytes ?? 0) - bytes,
            Stopwatch.GetElapsedTime(start).TotalSeconds,
            _report.Error is null,
            detail));
        _progress.End();
        return _report.Error is null;
    }

    private string Connect()
    {
        (System.Net.Sockets.Socket socket, _ended) = _backEnd.Accept();
        _guest = new DemoGuest(_memory, socket, _ended, _cancellationToken);
        _transfer = new DemoTransfer(_guest, _progress, _cancellationToken);
        _report.Features = $"0x{_guest.Features:x}";
        Require(_guest.Capacity == DemoLayout.DiskLength, $"the disk has {_guest.Capacity} bytes instead of {DemoLayout.DiskLength}");
        return $"a disk of {Units.Bytes(_guest.Capacity)}, {DemoLayout.QueueCount} queues, features {_report.Features}";
    }

    private string Format()
    {
        var disk = _guest!.Disks[0];
        _transfer!.Count(disk.GetId(DemoLayout.MetadataBuffer, out string id), 0, "asking for the identity");
        Require(id == DemoBackEnd.DiskId, $"the disk calls itself '{id}'");
        _transfer.Count(disk.WriteZeroes(0, (uint)(DemoLayout.MetadataLength / RawDiskImage.SectorSize), unmap: true), 0, "clearing the metadata");
        WriteSuperblock(new byte[SHA256.HashSizeInBytes]);
        Require(ReadSuperblock() is { DataLength: DemoLayout.DataLength }, "the superblock does not read back");
        return "a superblock with checksums, flushed";
    }

    private string Write()
    {
        byte[] hash = _transfer!.Write(DemoLayout.MetadataLength, DemoLayout.DataLength);
        _report.Hashes.Written = Hex(hash);
        WriteSuperblock(hash);
        return $"{Units.Bytes(DemoLayout.StreamRequest)} each, {DemoLayout.StreamDepth} in flight, flushed";
    }

    private string ReadBack()
    {
        _report.Hashes.ReadBack = Hex(_transfer!.Read(DemoLayout.MetadataLength, DemoLayout.DataLength));
        Require(_report.Hashes.ReadBack == _report.Hashes.Written, "what was read is not what was written");
        return "SHA-256 as written";
    }

    private string ReadRandomly()
    {
        _transfer!.ReadSmall(DemoLayout.MetadataLength, DemoLayout.DataLength, DemoLayout.SmallRequests);
        return $"{Units.Bytes(DemoLayout.SmallRequest)} each, {DemoLayout.SmallDepth} in flight, each block compared";
    }

    private string Erase()
    {
        const uint sectors = (uint)(DemoLayout.ScratchLength / RawDiskImage.SectorSize);
        const ulong sector = DemoLayout.ScratchStart / RawDiskImage.SectorSize;
        var disk = _guest!.Disks[^1];
        _transfer!.Write(DemoLayout.ScratchStart, DemoLayout.ScratchLength);
        _transfer.Count(disk.Discard(sector, sectors), 0, "discarding");
        _transfer.Count(disk.WriteZeroes(sector, sectors, unmap: true), 0, "writing zeros");
        byte[] zeros = new byte[DemoLayout.ScratchLength];
        Require(
            _transfer.Read(DemoLayout.ScratchStart, DemoLayout.ScratchLength).AsSpan().SequenceEqual(SHA256.HashData(zeros)),
            "what was erased does not read as zeros");
        return $"{Units.Bytes(DemoLayout.ScratchLength)} written, erased, read as zeros";
    }

    private string CompareImage()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] bytes = new byte[DemoLayout.StreamRequest];
        for (ulong done = 0; done < DemoLayout.DataLength; done += DemoLayout.StreamRequest)
        {
            _cancellationToken.ThrowIfCancellationRequested();
            int read = RandomAccess.Read(_backEnd.Image, bytes, (long)(DemoLayout.MetadataLength + done));
            Require(read == bytes.Length, "the image file is too short");
            hash.AppendData(bytes);
            _progress.Advance(DemoLayout.StreamRequest);
        }

        _report.Hashes.Image = Hex(hash.GetHashAndReset());
        Require(_report.Hashes.Image == _report.Hashes.Written, "the image file does not hold what the guest wrote");
        return "the image file itself has the same SHA-256";
    }

    private void WriteSuperblock(byte[] dataHash)
    {
        byte[] block = new byte[DemoSuperblock.Length];
        new DemoSuperblock(DemoLayout.MetadataLength, DemoLayout.DataLength, dataHash).Write(block);
        _guest!.Memory.Write(DemoLayout.MetadataBuffer, block);
        var disk = _guest.Disks[0];
        _transfer!.Count(disk.Write(0, DemoLayout.MetadataBuffer, DemoSuperblock.Length), DemoSuperblock.Length, "writing the superblock");
        _transfer.Count(disk.Flush(), 0, "flushing");
    }

    private DemoSuperblock? ReadSuperblock()
    {
        // What is in memory must come from the disk.
        _guest!.Memory.Clear(DemoLayout.MetadataBuffer, DemoSuperblock.Length);
        _transfer!.Count(
            _guest.Disks[0].Read(0, DemoLayout.MetadataBuffer, DemoSuperblock.Length), DemoSuperblock.Length, "reading the superblock");
        byte[] block = new byte[DemoSuperblock.Length];
        _guest.Memory.Read(DemoLayout.MetadataBuffer, block);
        return DemoSuperblock.TryRead(block);
    }
}
