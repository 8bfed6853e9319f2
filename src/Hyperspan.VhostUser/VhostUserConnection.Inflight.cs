using System.Runtime.InteropServices;

using Hyperspan.VhostUser.Interop;

namespace Hyperspan.VhostUser;

/// <content>Requests in flight that survive a crash.</content>
public sealed partial class VhostUserConnection
{
    private InflightMemory? _inflight;

    private void GetInflight(ReadOnlySpan<byte> payload)
    {
        InflightDescription description = ReadDescription(payload);
        description.Length = InflightMemory.LengthFor(description.QueueCount, description.QueueSize);
        description.Offset = 0;

        // Sealed against shrinking. The front end keeps it; it counts for us only once it is given back.
        using var memory = new SharedMemory(description.Length, new SharedMemoryOptions { Name = "vhost-user-inflight" });
        description.Length = memory.Length;
        ReadOnlySpan<byte> reply = MemoryMarshal.AsBytes(new ReadOnlySpan<InflightDescription>(in description))[..payload.Length];
        Reply(VhostUserMessage.GetInflight, reply, memory.Handle);
    }

    private void SetInflight(ReadOnlySpan<byte> payload, Descriptors descriptors)
    {
        ProtocolViolation.Unless(descriptors.Count == 1, "there is no descriptor");
        ProtocolViolation.Unless(!AnyStarted, "a ring is started");
        var memory = new InflightMemory(descriptors[0], ReadDescription(payload), _options);
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

    private InflightQueue? InflightOf(Ring ring)
    {
        if (_inflight is not { } inflight)
        {
            return null;
        }

        ProtocolViolation.Unless(ring.Index < inflight.QueueCount, $"the memory for requests in flight has no queue {ring.Index}");
        return inflight.Queue(ring.Index);
    }
}
