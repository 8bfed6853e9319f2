using System.Runtime.InteropServices;

using Hyperspan.VhostUser.Interop;

namespace Hyperspan.VhostUser;

/// <content>Requests in flight that survive a crash.</content>
public sealed partial class VhostUserConnection
{
    private InflightMemory? _inflight;
    private bool _untrackedReported;

    private void GetInflight(ReadOnlySpan<byte> payload)
    {
        InflightDescription description = ReadDescription(payload);

        // Whether rings are packed is known: front ends set the features before.
        // They ask before the driver has chosen a size for its rings, and it may choose a larger one than was asked for.
        description.QueueSize = _device.MaxQueueSize;
        description.Length = InflightMemory.LengthFor(description.QueueCount, description.QueueSize, IsPacked);
        description.Offset = 0;

        // Sealed against shrinking. The front end keeps it; it counts for us only once it is given back.
        var memory = new SharedBacking(description.Length, new SharedBackingOptions { Name = "vhost-user-inflight" });
        try
        {
            description.Length = memory.Length;
            ReadOnlySpan<byte> reply = MemoryMarshal.AsBytes(new ReadOnlySpan<InflightDescription>(in description))[..payload.Length];
            Reply(VhostUserMessage.GetInflight, reply, memory.Handle);
        }
        finally
        {
            memory.DisposeAndUnmap();
        }
    }

    private void SetInflight(ReadOnlySpan<byte> payload, Descriptors descriptors)
    {
        ProtocolViolation.Unless(descriptors.Count == 1, "there is no descriptor");
        ProtocolViolation.Unless(!AnyStarted, "a ring is started");
        InflightDescription description = ReadDescription(payload);
        if (description.Length == InflightMemory.MappedLengthFor(description.QueueCount, _device.MaxQueueSize, IsPacked))
        {
            // Memory of ours, whose length says what it has room for. Some front ends give it back with the size that they asked for.
            description.QueueSize = _device.MaxQueueSize;
        }

        var memory = new InflightMemory(descriptors[0], description, IsPacked, _options);
        _inflight?.Dispose();
        _inflight = memory;
    }

    private InflightDescription ReadDescription(ReadOnlySpan<byte> payload)
    {
        ProtocolViolation.Unless(
            payload.Length is MessageRule.InflightLength or MessageRule.PaddedInflightLength,
            $"payload of {payload.Length} bytes; it has {MessageRule.InflightLength}, or {MessageRule.PaddedInflightLength} with padding");
        InflightDescription description = default;
        payload.CopyTo(MemoryMarshal.AsBytes(new Span<InflightDescription>(ref description)));
        description.Padding = 0;
        ProtocolViolation.Unless(
            description.QueueCount > 0 && description.QueueCount <= _rings.Length, $"{description.QueueCount} queues; the device has {_rings.Length}");
        ProtocolViolation.Unless(
            description.QueueSize > 0 && description.QueueSize <= _device.MaxQueueSize,
            $"queues of {description.QueueSize} descriptors; the device has {_device.MaxQueueSize} at most");
        return description;
    }

    /// <summary>Gets the record for a ring: none where the front end gave no memory for it, or less than the ring needs. The latter is reported once.</summary>
    private InflightQueue? InflightOf(Ring ring)
    {
        if (_inflight is not { } inflight)
        {
            return null;
        }

        if (ring.Index < inflight.QueueCount && ring.Size <= inflight.QueueSize && inflight.IsPacked == IsPacked)
        {
            return inflight.Queue(ring.Index);
        }

        if (!_untrackedReported)
        {
            _untrackedReported = true;
            Report(
                VhostUserEventKind.Untracked,
                $"the memory for requests in flight has room for {inflight.QueueCount} {(inflight.IsPacked ? "packed" : "split")} queues of {inflight.QueueSize} descriptors, "
                + $"the ring has {ring.Size}{(IsPacked ? ", packed" : "")}",
                ring.Index);
        }

        return null;
    }
}
