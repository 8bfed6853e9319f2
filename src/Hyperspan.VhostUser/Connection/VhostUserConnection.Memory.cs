using System.Runtime.InteropServices;

using Hyperspan.VhostUser.Interop;
using Hyperspan.Virtio;

namespace Hyperspan.VhostUser;

/// <content>Shared memory, also while rings run.</content>
public sealed partial class VhostUserConnection
{
    private MemoryTable _memory;
    private bool _memorySet;

    /// <summary>Whether a session has begun in which nothing has been said of memory yet: what is there is that of the session before.</summary>
    private bool _memoryIsStale;

    /// <summary>
    /// A session begins, perhaps another one over the same connection: QEMU begins one for a disk that is taken out of the machine and put in again
    /// on the same character device. Its regions come one by one as if there were none.
    /// </summary>
    private void SetOwner() => _memoryIsStale = !AnyStarted;

    private void SetMemoryTable(ReadOnlySpan<byte> payload, Descriptors descriptors)
    {
        uint count = MemoryMarshal.Read<uint>(payload);
        ReadOnlySpan<byte> rest = payload[sizeof(ulong)..];

        // Some front ends, user-mode Linux among them, send room for more regions than there are. What lies in it means nothing.
        ProtocolViolation.Unless(
            count <= MessageRule.MostRegions && rest.Length >= (int)count * MessageRule.RegionLength && rest.Length % MessageRule.RegionLength == 0,
            $"payload of {payload.Length} bytes for {count} regions");
        ProtocolViolation.Unless((uint)descriptors.Count == count, $"{descriptors.Count} descriptors for {count} regions");
        ReadOnlySpan<VhostUserMemoryRegion> regions = MemoryMarshal.Cast<byte, VhostUserMemoryRegion>(rest)[..(int)count];
        Replace(MemoryTable.Map(regions, i => descriptors[i], _options));
    }

    private void AddMemoryRegion(ReadOnlySpan<byte> payload, Descriptors descriptors)
    {
        ProtocolViolation.Unless(descriptors.Count == 1, "there is no descriptor");
        VhostUserMemoryRegion region = MemoryMarshal.Read<VhostUserMemoryRegion>(payload[sizeof(ulong)..]);
        if (_memoryIsStale && !AnyStarted)
        {
            Replace(MemoryTable.Map([region], _ => descriptors[0], _options));
            return;
        }

        ProtocolViolation.Unless(
            _memory.Count < _options.MaximumMemorySlots, $"there are {_memory.Count} regions already, as many as there may be");
        Replace(_memory.With(region, descriptors[0], _options));
    }

    private void RemoveMemoryRegion(ReadOnlySpan<byte> payload) =>
        Replace(_memory.Without(MemoryMarshal.Read<VhostUserMemoryRegion>(payload[sizeof(ulong)..])));

    /// <summary>Puts a new table in the place of the old one. Queues that are served stop between two requests, and go on in the new memory.</summary>
    /// <exception cref="ProtocolViolation">A started ring is not in the new memory.</exception>
    private void Replace(MemoryTable table)
    {
        try
        {
            if (_writeLog is { } log && (_features & LogAllBit) != 0)
            {
                RequireLogged(log, table);
            }

            foreach (Ring ring in _rings)
            {
                if (ring.Worker is not null)
                {
                    RequirePlace(table, ring, "is started, and would not be in shared memory any more");
                }
            }

            // All are stopped before any goes on, and none goes on before all have moved: an old mapping is not closed while one of them may be in it.
            PauseAll();
        }
        catch
        {
            table.Retire(_memory);
            throw;
        }

        MemoryTable old = _memory;
        (_memory, _memorySet, _memoryIsStale) = (table, true, false);

        // They were of the old memory; the front end is asked again.
        _iotlb.Clear();
        try
        {
            UpdateLogging();
            foreach (Ring ring in _rings)
            {
                if (ring.Worker is { } worker && TryPlace(table, ring, out VirtQueueLayout layout))
                {
                    worker.Move(MemoryFor(table), layout);
                }
            }
        }
        finally
        {
            // None is in it, whether or not all could go on in the new one.
            old.Retire(table);
        }

        ResumeAll();
        Report(VhostUserEventKind.MemoryChanged, $"{table.Count} regions, {table.Bytes >> 20} MiB");
    }
}
