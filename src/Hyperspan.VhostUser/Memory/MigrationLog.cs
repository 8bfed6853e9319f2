using System.Diagnostics.CodeAnalysis;

using Hyperspan.VhostUser.Interop;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.VhostUser;

/// <summary>
/// The log of a migration (vhost-user, "Migration"): one bit for each page of 4 KiB of the guest, in memory of the front end, which takes the bits while it sends pages to
/// where the guest goes. It is not trusted: it may shrink.
/// </summary>
/// <remarks>
/// A page is marked when it has been written. The front end takes the bit first and reads the page then: either it reads what was written, or the bit is there for its next
/// turn. The look whether a bit is there already comes after a full fence, for a look that overtakes the store would see a bit that is taken before the store is there.
/// </remarks>
[SuppressMessage("Design", "CA1001", Justification = "Close ends it, in one of two ways.")]
internal sealed class MigrationLog : IWriteObserver
{
    private const int PageShift = GuestAddress.PageShift;

    private readonly ForeignBacking _backing;
    private readonly GuestMemory _memory;
    private readonly Action<GuestMemoryFault> _lost;
    private int _isLost;

    /// <summary>Maps it.</summary>
    /// <param name="file">The file; it stays the caller's.</param>
    /// <param name="size">The length of the log in bytes.</param>
    /// <param name="offset">Where in the file it begins.</param>
    /// <param name="options">What is accepted.</param>
    /// <param name="lost">Called once, when the memory is gone; from any thread.</param>
    /// <exception cref="ProtocolViolation">It cannot be mapped.</exception>
    internal MigrationLog(SafeFileHandle file, ulong size, ulong offset, VhostUserOptions options, Action<GuestMemoryFault> lost)
    {
        ProtocolViolation.Unless(size != 0, "the log has no bytes");
        ProtocolViolation.Unless(size <= options.MaximumMemory, $"the log has 0x{size:x} bytes, more than the 0x{options.MaximumMemory:x} of memory that are accepted");
        ProtocolViolation.Unless(
            offset % GuestAddress.PageSize == 0 && offset + size >= offset, $"file offset 0x{offset:x} is not a multiple of the page size, or too large");
        ProtocolViolation.Unless(
            options.AllowBlockingMemory || PeerDescriptor.IsMemory(file), "it is no memfd and not on tmpfs or huge pages: accesses could wait for ever");
        try
        {
            _backing = new ForeignBacking(file, offset, size, new ForeignBackingOptions { Name = "log" });
        }
        catch (Exception e) when (e is GuestMemoryMappingException or ArgumentException)
        {
            throw new ProtocolViolation($"it cannot be mapped: {e.Message}");
        }

        try
        {
            _memory = new GuestMemory(_backing, "log of writes");
        }
        catch
        {
            _backing.DisposeAndUnmap();
            throw;
        }

        Size = size;
        _lost = lost;
    }

    /// <summary>Gets the length in bytes.</summary>
    internal ulong Size { get; }

    /// <summary>Gets or sets where used rings lie and where they are logged instead, for those that differ.</summary>
    internal IReadOnlyList<RingLog> Rings { get; set; } = [];

    /// <summary>Tells whether there is a bit for each page of a range.</summary>
    internal bool Covers(ulong start, ulong length) => length == 0 || (start + (length - 1) >= start && (start + (length - 1)) >> PageShift >> 3 < Size);

    /// <inheritdoc/>
    public void OnWritten(GuestAddress address, ulong length)
    {
        Mark(address.Value, length);
        foreach (RingLog ring in Rings)
        {
            ulong first = Math.Max(address.Value, ring.Start);
            ulong last = Math.Min(address.Value + (length - 1), ring.Start + (ring.Length - 1));
            if (first <= last)
            {
                Mark(ring.LogAddress + (first - ring.Start), last - first + 1);
            }
        }
    }

    /// <summary>Closes it.</summary>
    /// <param name="inUse">As for <see cref="MemoryTable.Retire"/>.</param>
    internal void Close(bool inUse)
    {
        _memory.Dispose();
        if (!inUse)
        {
            _backing.DisposeAndUnmap();
        }
    }

    private void Mark(ulong address, ulong length)
    {
        ulong first = address >> PageShift;
        ulong last = (address + (length - 1)) >> PageShift;
        Interlocked.MemoryBarrier();
        for (ulong at = first >> 3; at <= last >> 3; at++)
        {
            int from = at == first >> 3 ? (int)(first & 7) : 0;
            int to = at == last >> 3 ? (int)(last & 7) : 7;
            if (!TrySet(at, (byte)((0xff << from) & (0xff >> (7 - to))), out GuestMemoryFault fault))
            {
                if (Interlocked.Exchange(ref _isLost, 1) == 0)
                {
                    _lost(fault);
                }

                return;
            }
        }
    }

    private bool TrySet(ulong at, byte bits, out GuestMemoryFault fault)
    {
        if (!_memory.TryRead(at, out byte there, out fault))
        {
            return false;
        }

        while ((there & bits) != bits)
        {
            if (!_memory.TryCompareExchange(at, (byte)(there | bits), there, out bool exchanged, out byte found, out fault))
            {
                return false;
            }

            if (exchanged)
            {
                break;
            }

            there = found;
        }

        return true;
    }
}
