using System.Security.Cryptography;
using Hyperspan.Testing;
using Hyperspan.Virtio;

namespace Hyperspan.Tool.Demo;

/// <summary>Moves data between the embedded guest and its disk, with many requests in flight on all queues.</summary>
/// <remarks>A place for data in guest memory belongs to one queue: the places take turns, and so do the queues.</remarks>
internal sealed class DemoTransfer
{
    private readonly DemoGuest _guest;
    private readonly IDemoProgress _progress;
    private readonly CancellationToken _cancellationToken;
    private readonly int[][] _placeOfToken;
    private readonly bool[] _done = new bool[Math.Max(DemoLayout.StreamDepth, DemoLayout.SmallDepth)];

    internal DemoTransfer(DemoGuest guest, IDemoProgress progress, CancellationToken cancellationToken)
    {
        _guest = guest;
        _progress = progress;
        _cancellationToken = cancellationToken;
        _placeOfToken = [.. guest.Disks.Select(_ => new int[DemoLayout.QueueSize])];
    }

    /// <summary>Gets how many requests have been completed.</summary>
    internal long Requests { get; private set; }

    /// <summary>Gets how many bytes they moved.</summary>
    internal ulong Bytes { get; private set; }

    /// <summary>Writes the pattern over a part of the disk.</summary>
    /// <returns>The SHA-256 of what was written.</returns>
    internal byte[] Write(ulong start, ulong length)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] bytes = new byte[DemoLayout.StreamRequest];
        int count = (int)(length / DemoLayout.StreamRequest);
        for (int i = 0; i < count; i++)
        {
            int place = i % DemoLayout.StreamDepth;
            if (i >= DemoLayout.StreamDepth)
            {
                WaitFor(place, DemoLayout.StreamRequest);
            }

            ulong offset = start + ((ulong)i * DemoLayout.StreamRequest);
            DemoPattern.Fill(offset, bytes);
            hash.AppendData(bytes);
            GuestAddress buffer = Buffer(DemoLayout.WriteBuffers, place, DemoLayout.StreamRequest);
            _guest.Memory.Write(buffer, bytes);
            Submit(BlockRequestType.Write, offset, place, buffer, DemoLayout.StreamRequest);
        }

        for (int i = Math.Max(count - DemoLayout.StreamDepth, 0); i < count; i++)
        {
            WaitFor(i % DemoLayout.StreamDepth, DemoLayout.StreamRequest);
        }

        return hash.GetHashAndReset();
    }

    /// <summary>Reads a part of the disk.</summary>
    /// <returns>The SHA-256 of what was read.</returns>
    internal byte[] Read(ulong start, ulong length)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] bytes = new byte[DemoLayout.StreamRequest];
        int count = (int)(length / DemoLayout.StreamRequest);
        for (int i = 0; i < count + DemoLayout.StreamDepth; i++)
        {
            int place = i % DemoLayout.StreamDepth;
            GuestAddress buffer = Buffer(DemoLayout.ReadBuffers, place, DemoLayout.StreamRequest);
            if (i >= DemoLayout.StreamDepth)
            {
                WaitFor(place, DemoLayout.StreamRequest);
                _guest.Memory.Read(buffer, bytes);
                hash.AppendData(bytes);
            }

            if (i < count)
            {
                Submit(BlockRequestType.Read, start + ((ulong)i * DemoLayout.StreamRequest), place, buffer, DemoLayout.StreamRequest);
            }
        }

        return hash.GetHashAndReset();
    }

    /// <summary>Reads small blocks here and there, and compares each with what belongs there.</summary>
    internal void ReadSmall(ulong start, ulong length, int count)
    {
        byte[] bytes = new byte[DemoLayout.SmallRequest];
        byte[] expected = new byte[DemoLayout.SmallRequest];
        ulong[] offsets = new ulong[DemoLayout.SmallDepth];
        for (int i = 0; i < count + DemoLayout.SmallDepth; i++)
        {
            int place = i % DemoLayout.SmallDepth;
            GuestAddress buffer = Buffer(DemoLayout.SmallBuffers, place, DemoLayout.SmallRequest);
            if (i >= DemoLayout.SmallDepth)
            {
                WaitFor(place, DemoLayout.SmallRequest);
                _guest.Memory.Read(buffer, bytes);
                DemoPattern.Fill(offsets[place], expected);
                if (!bytes.AsSpan().SequenceEqual(expected))
                {
                    throw new DemoException($"the block at {offsets[place]} is not what was written there");
                }
            }

            if (i < count)
            {
                offsets[place] = start + (DemoPattern.Mix((ulong)i) % (length / DemoLayout.SmallRequest) * DemoLayout.SmallRequest);
                Submit(BlockRequestType.Read, offsets[place], place, buffer, DemoLayout.SmallRequest);
            }
        }
    }

    /// <summary>Counts a request that was made otherwise.</summary>
    internal void Count(BlockStatus status, ulong bytes, string what)
    {
        if (status != BlockStatus.Ok)
        {
            throw new DemoException($"{what} ended with status {status}");
        }

        Requests++;
        Bytes += bytes;
        _progress.Advance(bytes);
    }

    private static GuestAddress Buffer(ulong start, int place, uint length) => start + ((ulong)place * length);

    private void Submit(BlockRequestType type, ulong offset, int place, GuestAddress buffer, uint length)
    {
        _cancellationToken.ThrowIfCancellationRequested();
        int queue = place % _guest.Disks.Count;
        VirtioBlockDriver disk = _guest.Disks[queue];

        // In two pieces, as a guest's pages are seldom in one.
        ReadOnlySpan<ChainSegment> data = [new ChainSegment(buffer, length / 2), new ChainSegment(buffer + (length / 2), length / 2)];
        ulong sector = offset / RawDiskImage.SectorSize;
        bool submitted = type == BlockRequestType.Write
            ? disk.TrySubmitWrite(sector, data, out ushort token)
            : disk.TrySubmitRead(sector, data, out token);
        if (!submitted)
        {
            throw new DemoException("a queue has no room where it must have some");
        }

        _done[place] = false;
        _placeOfToken[queue][token] = place;
        disk.Kick();
    }

    private void WaitFor(int place, uint length)
    {
        int queue = place % _guest.Disks.Count;
        while (!_done[place])
        {
            BlockCompletion completion = _guest.Disks[queue].WaitForCompletion();
            Count(completion.Status, length, "a request");
            _done[_placeOfToken[queue][completion.Token]] = true;
        }
    }
}
