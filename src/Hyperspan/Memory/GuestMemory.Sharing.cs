namespace Hyperspan;

/// <content>Sharing with other processes.</content>
public sealed unsafe partial class GuestMemory
{
    /// <summary>Lists the parts of this memory that another process can map, in the order of their addresses. Parts that cannot be shared are left out.</summary>
    /// <returns>A snapshot: a new list, empty where nothing can be shared.</returns>
    /// <exception cref="ObjectDisposedException">This memory or a backing has been disposed.</exception>
    public IReadOnlyList<SharedGuestRegion> GetSharedRegions()
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        var list = new List<SharedGuestRegion>();
        foreach (MemoryRegion region in Clipped)
        {
            ulong end = region.BackingOffset + region.Length;
            foreach (ShareableRegion part in region.Backing.GetShareableRegions())
            {
                ulong from = Math.Max(part.Offset, region.BackingOffset);
                ulong to = Math.Min(part.Offset + part.Length, end);
                if (from < to)
                {
                    list.Add(new SharedGuestRegion(
                        region.Start + (from - region.BackingOffset),
                        to - from,
                        part.Handle,
                        part.FileOffset + (from - part.Offset),
                        part.Writable && region.CanWrite));
                }
            }
        }

        return list;
    }
}
