namespace Hyperspan.Snapshots;

/// <summary>Where the pages of an <see cref="OnDemandMemory"/> come from: a snapshot, a server, anything slow.</summary>
/// <remarks>
/// The methods are called from any thread, several at once. An access to the memory that this is the source of, from within <see cref="ReadPagesAsync"/>, may wait for
/// itself, until <see cref="OnDemandOptions.PageTimeout"/>. Who waits for a page takes up a thread, while a source that awaits needs some of the thread pool's: where very
/// many tasks of the pool wait for pages at once, there is none left.
/// </remarks>
public interface IPageSource
{
    /// <summary>Gets the regions of the memory, in the order of their addresses, none sharing a page of 4 KiB with another.</summary>
    IReadOnlyList<SnapshotRegion> Regions { get; }

    /// <summary>Lists what is not zero for certain, as ranges in ascending order. Nothing else is asked for.</summary>
    /// <returns>The ranges; whole pages that they touch are asked for.</returns>
    IEnumerable<GuestRange> GetStoredRanges();

    /// <summary>Reads whole pages that follow each other.</summary>
    /// <param name="address">The guest-physical address of the first, a multiple of 4 KiB.</param>
    /// <param name="destination">Receives them; at most 256 KiB, a multiple of 4 KiB.</param>
    /// <param name="cancellationToken">Is cancelled when nobody wants them any more.</param>
    /// <returns>A task that ends when all bytes are there. What it throws becomes the cause of the fault of whoever accesses these pages; a later access asks again.</returns>
    ValueTask ReadPagesAsync(GuestAddress address, Memory<byte> destination, CancellationToken cancellationToken);
}
