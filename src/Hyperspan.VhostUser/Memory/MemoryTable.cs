using System.Diagnostics.CodeAnalysis;
using System.Globalization;

using Hyperspan.VhostUser.Interop;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.VhostUser;

/// <summary>
/// The memory that a front end shares: an immutable list of regions, each mapped once, with the guest memory made of them. A changed table is a new one that
/// shares the mappings that stay.
/// </summary>
internal sealed class MemoryTable
{
    private readonly Entry[] _entries;

    private MemoryTable(Entry[] entries)
    {
        _entries = entries;
        var builder = new GuestMemoryBuilder("guest").LeaveBackingsOpen();
        foreach (Entry entry in entries)
        {
            builder.AddRegion(entry.Start, entry.Backing);
        }

        Memory = builder.Build();
    }

    /// <summary>Gets the guest's memory.</summary>
    internal GuestMemory Memory { get; }

    internal int Count => _entries.Length;

    internal ulong Bytes => _entries.Aggregate(0UL, (sum, entry) => sum + entry.Region.Size);

    /// <summary>Maps regions.</summary>
    /// <exception cref="ProtocolViolation">A region is wrong, or two of them clash, or a file cannot be mapped.</exception>
    internal static MemoryTable Map(ReadOnlySpan<VhostUserMemoryRegion> regions, Func<int, SafeFileHandle> file, VhostUserOptions options)
    {
        var entries = new List<Entry>(regions.Length);
        try
        {
            for (int i = 0; i < regions.Length; i++)
            {
                entries.Add(Map(regions[i], file(i), options, entries));
            }

            return Build([.. entries]);
        }
        catch
        {
            entries.ForEach(entry => entry.Backing.DisposeAndUnmap());
            throw;
        }
    }

    /// <summary>Makes a table with one more region.</summary>
    /// <exception cref="ProtocolViolation">The region is wrong, clashes with another, or cannot be mapped.</exception>
    internal MemoryTable With(in VhostUserMemoryRegion region, SafeFileHandle file, VhostUserOptions options)
    {
        Entry added = Map(region, file, options, _entries);
        try
        {
            return Build([.. _entries, added]);
        }
        catch
        {
            added.Backing.DisposeAndUnmap();
            throw;
        }
    }

    /// <summary>Makes a table without one of the regions. It is found by its addresses and size; the file offset does not matter.</summary>
    /// <exception cref="ProtocolViolation">There is no such region.</exception>
    internal MemoryTable Without(VhostUserMemoryRegion region)
    {
        int at = Array.FindIndex(_entries, entry => entry.Region with { FileOffset = region.FileOffset } == region);
        ProtocolViolation.Unless(at >= 0, $"there is no region {Describe(region)}");
        return Build([.. _entries[..at], .. _entries[(at + 1)..]]);
    }

    /// <summary>Makes a table without regions.</summary>
    internal static MemoryTable Empty() => new([]);

    /// <summary>Translates an address of the front end's process to the guest-physical one.</summary>
    /// <returns>Whether the whole range is shared, one guest address after the other.</returns>
    internal bool TryTranslate(ulong userAddress, ulong length, out GuestAddress address)
    {
        address = default;
        if (!TryTranslate(userAddress, out ulong first) || userAddress + (length - 1) < userAddress
            || !TryTranslate(userAddress + (length - 1), out ulong last) || last - first != length - 1)
        {
            return false;
        }

        address = first;
        return true;
    }

    /// <summary>Closes the memory, and the mappings that its successor has not taken over.</summary>
    /// <param name="successor">The table that is used from now on, if there is one.</param>
    /// <param name="inUse">
    /// Whether a thread may still be in an access: then the mappings' addresses stay reserved until they are collected. Otherwise they are given back at once.
    /// </param>
    internal void Retire(MemoryTable? successor, bool inUse = false)
    {
        Memory.Dispose();
        foreach (Entry entry in _entries)
        {
            if (successor is null || !Array.Exists(successor._entries, other => other.Backing == entry.Backing))
            {
                Action close = inUse ? entry.Backing.Dispose : entry.Backing.DisposeAndUnmap;
                close();
            }
        }
    }

    private bool TryTranslate(ulong userAddress, out ulong address)
    {
        foreach (Entry entry in _entries)
        {
            if (userAddress - entry.Region.UserAddress < entry.Region.Size)
            {
                address = entry.Region.GuestAddress + (userAddress - entry.Region.UserAddress);
                return true;
            }
        }

        address = 0;
        return false;
    }

    private static MemoryTable Build(Entry[] entries)
    {
        try
        {
            return new MemoryTable(entries);
        }
        catch (ArgumentException e)
        {
            throw new ProtocolViolation(e.Message);
        }
    }

    [SuppressMessage("Reliability", "CA2000", Justification = "The mapping belongs to the entry, and is disposed where that is refused.")]
    private static Entry Map(in VhostUserMemoryRegion region, SafeFileHandle file, VhostUserOptions options, IReadOnlyList<Entry> others)
    {
        ProtocolViolation.Unless(region.Size != 0, $"region {Describe(region)} is empty");
        RequireNoWrap(region, region.GuestAddress, "guest address");
        RequireNoWrap(region, region.UserAddress, "user address");
        RequireNoWrap(region, region.FileOffset, "file offset");
        ProtocolViolation.Unless(
            region.GuestAddress + region.Size != 0, $"region {Describe(region)} ends at 2^64: guest addresses end before that");
        ulong present = 0;
        foreach (Entry other in others)
        {
            present += other.Region.Size;
        }

        ProtocolViolation.Unless(
            region.Size <= options.MaximumMemory && present <= options.MaximumMemory - region.Size,
            $"region {Describe(region)} makes it more than the 0x{options.MaximumMemory:x} bytes of memory that are accepted");

        // Memory is mapped by pages. Where a region begins within one, so must its guest address; what comes before it in the page is shared anyway.
        ulong lead = region.GuestAddress % GuestAddress.PageSize;
        ProtocolViolation.Unless(
            region.FileOffset % GuestAddress.PageSize == lead,
            $"region {Describe(region)}: guest address and file offset 0x{region.FileOffset:x} differ in where they lie in their page");
        foreach (Entry other in others)
        {
            RequireApart(region, other.Region, region.GuestAddress, other.Region.GuestAddress, "guest");
            RequireApart(region, other.Region, region.UserAddress, other.Region.UserAddress, "user");
        }

        // Asked first: what is asked of the file later may wait for whoever serves it.
        ProtocolViolation.Unless(
            options.AllowBlockingMemory || PeerDescriptor.IsMemory(file),
            $"region {Describe(region)} is in a file that is no memfd and not on tmpfs or huge pages: accesses could wait for ever");
        ForeignBacking backing;
        try
        {
            backing = new ForeignBacking(file, region.FileOffset - lead, region.Size + lead, new ForeignBackingOptions
            {
                Name = string.Create(CultureInfo.InvariantCulture, $"region 0x{region.GuestAddress:x}"),
            });
        }
        catch (Exception e) when (ProtocolViolation.Explains(e))
        {
            throw new ProtocolViolation($"region {Describe(region)} cannot be mapped: {e.Message}");
        }

        return new Entry(region, region.GuestAddress - lead, backing);
    }

    private static void RequireNoWrap(in VhostUserMemoryRegion region, ulong start, string what) =>
        ProtocolViolation.Unless(start + (region.Size - 1) >= start, $"region {Describe(region)} reaches past 2^64 from {what} 0x{start:x}");

    private static void RequireApart(in VhostUserMemoryRegion region, in VhostUserMemoryRegion other, ulong start, ulong otherStart, string what) =>
        ProtocolViolation.Unless(
            start - otherStart >= other.Size && otherStart - start >= region.Size,
            $"region {Describe(region)} overlaps region {Describe(other)} in {what} addresses");

    private static string Describe(in VhostUserMemoryRegion region) =>
        string.Create(CultureInfo.InvariantCulture, $"0x{region.GuestAddress:x}+0x{region.Size:x} (user 0x{region.UserAddress:x})");

    private sealed record Entry(VhostUserMemoryRegion Region, GuestAddress Start, ForeignBacking Backing);
}
