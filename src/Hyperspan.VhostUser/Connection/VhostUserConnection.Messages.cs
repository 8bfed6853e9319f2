using System.Runtime.InteropServices;

using Hyperspan.VhostUser.Interop;

namespace Hyperspan.VhostUser;

/// <content>Receives messages, checks their form, and hands them to their handlers.</content>
public sealed partial class VhostUserConnection
{
    private readonly byte[] _payload = new byte[MessageRule.LongestPayload];
    private readonly byte[] _outgoing = new byte[MessageHeader.Length + MessageRule.LongestPayload];

    /// <summary>How sending replies went: the first failure stays.</summary>
    private ChannelResult _sending;

    private VhostUserEvent Converse()
    {
        while (true)
        {
            if (Volatile.Read(ref _failure) is { } failure)
            {
                return failure;
            }

            try
            {
                AwaitMessage();
            }
            catch (ProtocolViolation violation)
            {
                return Event(VhostUserEventKind.ProtocolError, violation.Message);
            }

            using var descriptors = new Descriptors(_unclosed);
            ChannelResult result = _channel.ReceiveHeader(out MessageHeader header, descriptors);
            if (result != ChannelResult.Done)
            {
                return End(result, null);
            }

            Statistics.AddMessage();
            try
            {
                result = Handle(header, descriptors);
            }
            catch (ProtocolViolation violation)
            {
                AcknowledgeFailure(header);
                return Event(VhostUserEventKind.ProtocolError, violation.Message, header.Request);
            }
            catch (IOException e)
            {
                // Not the front end's fault, but it is told that this was not done.
                AcknowledgeFailure(header);
                return Event(VhostUserEventKind.DeviceFailed, e.Message, header.Request) with { Exception = e };
            }

            if (result != ChannelResult.Done)
            {
                return End(result, header.Request);
            }
        }
    }

    /// <summary>Checks the form of a message, receives the rest of it, and does what it says.</summary>
    /// <exception cref="ProtocolViolation">The message is wrong.</exception>
    /// <exception cref="IOException">This process or the system lacks what the message takes: open files, threads.</exception>
    private ChannelResult Handle(MessageHeader header, Descriptors descriptors)
    {
        ProtocolViolation.Unless(!_unclosed.AreTooMany, "too many descriptors that came before cannot be closed: whoever serves their files does not answer");
        if (descriptors.AreRefused)
        {
            throw new IOException("its descriptors cannot be taken: there are too many open files in this process (RLIMIT_NOFILE) or this system");
        }

        ProtocolViolation.Unless(
            (header.Flags & ~MessageHeader.NeedReplyFlag) == MessageHeader.Version,
            $"flags 0x{header.Flags:x}: the version is not 1, or a flag is set that a request does not have");
        if (MessageRule.Of(header.Request) is not { } rule)
        {
            throw new ProtocolViolation("this message is not supported");
        }

        ProtocolViolation.Unless(
            (_protocolFeatures & rule.Needs) == rule.Needs, $"needs the protocol feature {rule.Needs}, which has not been set");
        ProtocolViolation.Unless(
            header.PayloadLength >= (uint)rule.Least && header.PayloadLength <= (uint)rule.Most,
            rule.Least == rule.Most
                ? $"payload of {header.PayloadLength} bytes; it has {rule.Least}"
                : $"payload of {header.PayloadLength} bytes; it has {rule.Least} to {rule.Most}");
        ProtocolViolation.Unless(
            descriptors.Count <= rule.Descriptors && !descriptors.AreTruncated,
            $"{descriptors.Count}{(descriptors.AreTruncated ? " or more" : "")} descriptors; it has {rule.Descriptors} at most");

        Span<byte> payload = _payload.AsSpan(0, (int)header.PayloadLength);
        ChannelResult result = _channel.ReceivePayload(payload, descriptors);
        if (result != ChannelResult.Done)
        {
            return result;
        }

        bool isDone = Dispatch(header.Request, payload, descriptors);
        if (!rule.HasReply)
        {
            Acknowledge(header, isDone ? 0UL : 1);
        }

        return _sending;
    }

    /// <summary>Does what a message says.</summary>
    /// <returns>Whether it was done; <see langword="false"/> where the device refused what the front end may ask for.</returns>
    private bool Dispatch(VhostUserMessage message, ReadOnlySpan<byte> payload, Descriptors descriptors)
    {
        switch (message)
        {
            case VhostUserMessage.GetFeatures:
                Reply(message, OfferedFeatures);
                break;
            case VhostUserMessage.SetFeatures:
                SetFeatures(Word(payload));
                break;
            case VhostUserMessage.GetProtocolFeatures:
                GetProtocolFeatures();
                break;
            case VhostUserMessage.SetProtocolFeatures:
                SetProtocolFeatures((VhostUserProtocolFeatures)Word(payload));
                break;
            case VhostUserMessage.SetOwner:
                SetOwner();
                break;
            case VhostUserMessage.ResetOwner:
                StopAll("the front end gave up the session");
                break;
            case VhostUserMessage.ResetDevice:
                ResetDevice();
                break;
            case VhostUserMessage.GetQueueCount:
                Reply(message, (ulong)_rings.Length);
                break;
            case VhostUserMessage.SetBackendChannel:
                SetBackendChannel(descriptors);
                break;
            case VhostUserMessage.GetConfig:
                GetConfig(payload);
                break;
            case VhostUserMessage.SetConfig:
                return SetConfig(payload);
            case VhostUserMessage.SetMemoryTable:
                SetMemoryTable(payload, descriptors);
                break;
            case VhostUserMessage.GetMaxMemorySlots:
                Reply(message, (ulong)_options.MaximumMemorySlots);
                break;
            case VhostUserMessage.AddMemoryRegion:
                AddMemoryRegion(payload, descriptors);
                break;
            case VhostUserMessage.RemoveMemoryRegion:
                RemoveMemoryRegion(payload);
                break;
            case VhostUserMessage.TranslationMessage:
                Translate(payload);
                break;
            case VhostUserMessage.SetLogBase:
                SetLogBase(payload, descriptors);
                break;
            case VhostUserMessage.GetInflight:
                GetInflight(payload);
                break;
            case VhostUserMessage.SetInflight:
                SetInflight(payload, descriptors);
                break;
            case VhostUserMessage.SetStateDescriptor:
                SetStateDescriptor(payload, descriptors);
                break;
            case VhostUserMessage.CheckState:
                CheckState();
                break;
            default:
                DispatchToRing(message, payload, descriptors);
                break;
        }

        return true;
    }

    private static ulong Word(ReadOnlySpan<byte> payload) => MemoryMarshal.Read<ulong>(payload);

    /// <summary>Acknowledges a message that has no reply of its own, if that was agreed on and asked for.</summary>
    private void Acknowledge(MessageHeader header, ulong status)
    {
        if (header.NeedsReply && (_protocolFeatures & VhostUserProtocolFeatures.ReplyAcknowledge) != 0)
        {
            Reply(header.Request, status);
        }
    }

    private void AcknowledgeFailure(MessageHeader header)
    {
        if (MessageRule.Of(header.Request) is { HasReply: false })
        {
            Acknowledge(header, 1);
        }
    }

    private void Reply(VhostUserMessage message, ulong value)
    {
        Span<byte> payload = stackalloc byte[sizeof(ulong)];
        MemoryMarshal.Write(payload, value);
        Reply(message, payload);
    }

    private void Reply(VhostUserMessage message, ReadOnlySpan<byte> payload, params ReadOnlySpan<SafeHandle> descriptors)
    {
        var header = new MessageHeader
        {
            Request = message,
            Flags = MessageHeader.Version | MessageHeader.ReplyFlag,
            PayloadLength = (uint)payload.Length,
        };
        MemoryMarshal.Write(_outgoing, header);
        payload.CopyTo(_outgoing.AsSpan(MessageHeader.Length));
        ChannelResult result = _channel.Send(_outgoing.AsSpan(0, MessageHeader.Length + payload.Length), descriptors);
        if (_sending == ChannelResult.Done)
        {
            _sending = result;
        }
    }

    private VhostUserEvent End(ChannelResult result, VhostUserMessage? message)
    {
        string name = message is { } id ? MessageRule.NameOf(id) : "a message";
        return result switch
        {
            ChannelResult.Closed => Event(VhostUserEventKind.Disconnected, "the front end closed the connection"),
            ChannelResult.Broken => Event(VhostUserEventKind.ConnectionLost, $"the front end closed the connection in the middle of {name}"),
            ChannelResult.TimedOut => Event(
                VhostUserEventKind.ConnectionLost,
                $"the front end neither sent the rest of {name} nor took the reply to it within {_options.MessageTimeout.TotalSeconds:0.###} s"),
            ChannelResult.StrayDescriptors => Event(
                VhostUserEventKind.ProtocolError, "there are descriptors within the payload", message),
            _ => Volatile.Read(ref _failure) ?? Event(VhostUserEventKind.Stopped, "this side was asked to end"),
        };
    }
}
