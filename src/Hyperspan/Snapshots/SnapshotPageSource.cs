using System.Numerics;

namespace Hyperspan.Snapshots;

/// <summary>The pages of a snapshot, each chunk checked as it is read.</summary>
internal sealed class SnapshotPageSource(GuestMemorySnapshot snapshot) : IPageSource
{
    public IReadOnlyList<SnapshotRegion> Regions { get; } = [.. snapshot.Regions.Where(region => region.IsAligned)];

    public IEnumerable<GuestRange> GetStoredRanges() => snapshot.GetStoredRanges();

    public ValueTask ReadPagesAsync(GuestAddress address, Memory<byte> destination, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Read(address.Value, destination.Span);
        return ValueTask.CompletedTask;
    }

    private void Read(ulong address, Span<byte> destination)
    {
        SnapshotImage image = snapshot.Image();
        while (!destination.IsEmpty)
        {
            ulong chunk = address >> SnapshotFormat.ChunkShift;
            int page = (int)(address >> SnapshotFormat.PageShift) & (SnapshotFormat.ChunkPages - 1);
            int count = Math.Min(SnapshotFormat.ChunkPages - page, destination.Length >> SnapshotFormat.PageShift);
            ulong pages = SnapshotFormat.Pages(page, page + count);
            int length = BitOperations.PopCount(pages) << SnapshotFormat.PageShift;
            image.Read(chunk, pages, destination[..length]);
            destination = destination[length..];
            address += (ulong)length;
        }
    }
}
