using Hyperspan.VhostUser.Interop;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.VhostUser;

/// <summary>The memory in which the requests in flight of all queues are recorded, as the front end gave it back: not trusted, it may shrink.</summary>
internal sealed class InflightMemory : IDisposable
{
    private readonly ForeignBacking _backing;
    private readonly GuestMemory _memory;

    /// <summary>Maps it.</summary>
    /// <exception cref="ProtocolViolation">It is too small, or cannot be mapped.</exception>
    internal InflightMemory(SafeFileHandle file, InflightDescription description, bool isPacked, VhostUserOptions options)
    {
        IsPacked = isPacked;
        QueueCount = description.QueueCount;
        QueueSize = description.QueueSize;
        ulong length = LengthFor(QueueCount, QueueSize, isPacked);
        ProtocolViolation.Unless(
            description.Length >= length, $"0x{description.Length:x} bytes for {QueueCount} queues of {QueueSize}; that takes 0x{length:x}");
        ProtocolViolation.Unless(
            description.Offset % GuestAddress.PageSize == 0 && description.Offset + length >= description.Offset,
            $"file offset 0x{description.Offset:x} is not a multiple of the page size, or too large");
        ProtocolViolation.Unless(
            options.AllowBlockingMemory || PeerDescriptor.IsMemory(file), "it is no memfd and not on tmpfs or huge pages: accesses could wait for ever");
        try
        {
            _backing = new ForeignBacking(file, description.Offset, length, new ForeignBackingOptions { Name = "inflight" });
        }
        catch (Exception e) when (ProtocolViolation.Explains(e))
        {
            throw new ProtocolViolation($"it cannot be mapped: {e.Message}");
        }

        try
        {
            _memory = new GuestMemory(_backing, "requests in flight");
        }
        catch
        {
            _backing.DisposeAndUnmap();
            throw;
        }
    }

    /// <summary>Gets a value indicating whether its records are those of packed rings.</summary>
    internal bool IsPacked { get; }

    internal ushort QueueCount { get; }

    /// <summary>Gets the number of descriptors there is room for in each queue's record.</summary>
    internal ushort QueueSize { get; }

    internal static ulong LengthFor(ushort queueCount, ushort queueSize, bool isPacked) => queueCount * InflightQueue.LengthFor(queueSize, isPacked);

    /// <summary>Gets the length of the memory that is made for so many queues: whole pages.</summary>
    internal static ulong MappedLengthFor(ushort queueCount, ushort queueSize, bool isPacked) =>
        (LengthFor(queueCount, queueSize, isPacked) + GuestAddress.PageSize - 1) & ~((ulong)GuestAddress.PageSize - 1);

    internal InflightQueue Queue(int index)
    {
        ulong start = (ulong)index * InflightQueue.LengthFor(QueueSize, IsPacked);
        return IsPacked ? new PackedInflightQueue(_memory, start, QueueSize) : new SplitInflightQueue(_memory, start, QueueSize);
    }

    /// <summary>Closes it, when nobody uses it any more.</summary>
    public void Dispose() => Close(inUse: false);

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
}
