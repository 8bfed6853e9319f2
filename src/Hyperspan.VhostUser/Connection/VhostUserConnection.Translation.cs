using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;
using Hyperspan.Translation;
using Hyperspan.VhostUser.Interop;
using Hyperspan.Virtio;

namespace Hyperspan.VhostUser;

/// <content>Addresses that go through the guest's IOMMU: see docs/iommu.md.</content>
public sealed partial class VhostUserConnection
{
    /// <summary>VHOST_USER_BACKEND_IOTLB_MSG.</summary>
    internal const uint BackendTranslation = 1;

    private readonly DeviceIotlb _iotlb;
    private readonly CancellationTokenSource _ending = new();
    private TranslatedMemory? _translated;

    private bool IsTranslated => (_features & VirtioFeatures.AccessPlatform) != 0;

    /// <summary>The memory that the addresses of rings and descriptors are in.</summary>
    private GuestMemory DriverMemory => MemoryFor(_memory);

    private GuestMemory MemoryFor(MemoryTable table)
    {
        if (!IsTranslated)
        {
            return table.Memory;
        }

        if (_translated?.Target != table.Memory)
        {
            _translated = new TranslatedMemory(table.Memory, _iotlb, "guest, translated");
        }

        return _translated.Memory;
    }

    /// <summary>Does what an IOTLB message says. What it takes away is not used any more when it is acknowledged.</summary>
    /// <exception cref="IOException">It is still in use after the time that requests may take to stop.</exception>
    private void Translate(ReadOnlySpan<byte> payload)
    {
        ProtocolViolation.Unless(IsTranslated, "the feature for translated addresses (ACCESS_PLATFORM) has not been set");
        IotlbMessage message = default;
        payload[..Math.Min(payload.Length, IotlbMessage.Length)].CopyTo(MemoryMarshal.AsBytes(new Span<IotlbMessage>(ref message)));
        switch (message.Type)
        {
            case IotlbMessageType.Update:
                UpdateTranslation(message);
                break;
            case IotlbMessageType.Invalidate:
                // All that is left of 2^64 bytes is said as none by some front ends.
                ulong last = DeviceIotlb.LastOf(message.Iova, message.Size);
                TakeAway(message.Iova, last);
                break;
            default:
                throw new ProtocolViolation($"IOTLB message of type {(byte)message.Type}: a front end sends updates and invalidations");
        }
    }

    /// <summary>
    /// Takes translations away. What is in flight may need them to end, and the front end gives no others before it is answered: queues whose rings or chains lie there stop
    /// between two requests, as all do for other memory.
    /// </summary>
    private void TakeAway(ulong first, ulong last)
    {
        var stopped = new List<Ring>();
        while (!_iotlb.TryRemove(first, last))
        {
            // Those that use none of it go on meanwhile, and may have taken a chain that does.
            Ring[] users = Array.FindAll(_rings, ring => ring.Uses(first, last));
            foreach (Ring ring in users)
            {
                ring.Worker!.BeginPause();
            }

            foreach (Ring ring in users)
            {
                ring.Worker!.Pause();
            }

            stopped.AddRange(users);
        }

        Invalidate(first, last);
        stopped.ForEach(ResumeIfEnabled);
    }

    private void UpdateTranslation(in IotlbMessage message)
    {
        const byte Permissions = IotlbMessage.ReadPermission | IotlbMessage.WritePermission;
        ProtocolViolation.Unless(
            ((message.Iova | message.Size | message.UserAddress) & (GuestAddress.PageSize - 1)) == 0 && message.Size != 0,
            $"update of 0x{message.Size:x} bytes at 0x{message.Iova:x} to 0x{message.UserAddress:x}: not whole pages, or none");
        ProtocolViolation.Unless(message.Iova + (message.Size - 1) >= message.Iova, $"update of 0x{message.Size:x} bytes at 0x{message.Iova:x} reaches past 2^64");
        ProtocolViolation.Unless(message.Permission is not 0 and <= Permissions, $"update with permission {message.Permission}");
        ProtocolViolation.Unless(
            _memory.TryTranslate(message.UserAddress, message.Size, out GuestAddress target),
            $"update of 0x{message.Size:x} bytes to 0x{message.UserAddress:x}, which are not all shared memory");
        var protection = new Protection(
            read: (message.Permission & IotlbMessage.ReadPermission) != 0, write: (message.Permission & IotlbMessage.WritePermission) != 0, execute: false);
        if (_iotlb.Update(new AddressTranslation(message.Iova, target, message.Size, protection)) is { } changed)
        {
            Invalidate(changed.First, changed.Last);
        }

        LookAgain();
    }

    private void Invalidate(ulong first, ulong last)
    {
        if (_translated is not { } translated)
        {
            return;
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_ending.Token);
        limit.CancelAfter(_options.StopTimeout);
        try
        {
            translated.Invalidate(first, LengthOf(first, last), limit.Token);
        }
        catch (OperationCanceledException e)
        {
            throw new IOException($"0x{first:x} to 0x{last:x} is still in use by requests that do not end, and was to be invalidated", e);
        }
    }

    /// <summary>A length that ends in the same page: none says 2^64.</summary>
    private static ulong LengthOf(ulong first, ulong last) => last - first == ulong.MaxValue ? ulong.MaxValue : last - first + 1;

    /// <summary>Sends a message about a translation to the front end, without waiting. May be called from any thread.</summary>
    private bool SendTranslation(IotlbMessage message, bool wantsReply)
    {
        Span<byte> bytes = stackalloc byte[MessageHeader.Length + IotlbMessage.Length];
        bytes.Clear();
        MemoryMarshal.Write(bytes, new MessageHeader
        {
            Request = (VhostUserMessage)BackendTranslation,
            Flags = wantsReply ? MessageHeader.Version | MessageHeader.NeedReplyFlag : MessageHeader.Version,
            PayloadLength = IotlbMessage.Length,
        });
        MemoryMarshal.Write(bytes[MessageHeader.Length..], message);
        return SendToFrontEnd(bytes);
    }

    /// <summary>
    /// Waits until there is a message, or this side is to end, and takes meanwhile what the front end replies to questions for translations. Where it has closed that channel,
    /// what it had sent before that is done first: it may be translations. Then no others are waited for.
    /// </summary>
    /// <exception cref="ProtocolViolation">A reply is none, or to nothing.</exception>
    private void AwaitMessage()
    {
        TellUnreadConfig();
        while (IsTranslated && _backendChannel is { IsForsaken: false } channel)
        {
            if (channel.HasEnded)
            {
                if (!Waiting.ForInput(_socket.SafeHandle, _stop, TimeSpan.Zero))
                {
                    Forsake(channel);
                }

                return;
            }

            // Who does not reply may still hang up.
            PollEvents replies = _iotlb.IsReplied ? PollEvents.In : PollEvents.None;
            bool isMessage = Waiting.ForEither(_socket.SafeHandle, channel.Socket, replies, _stop, out bool isReply);
            if (isReply)
            {
                TakeReplies(channel);
            }

            if (isMessage)
            {
                return;
            }
        }
    }

    private void Forsake(BackendChannel channel)
    {
        channel.IsForsaken = true;
        _iotlb.Silence();
        Report(VhostUserEventKind.BackendChannelClosed, "translations that are missing cannot be asked for, and are refused until there is another channel");
        LookAgain();
    }

    private void TakeReplies(BackendChannel channel)
    {
        if (!_iotlb.IsReplied)
        {
            channel.HasEnded = true;
            return;
        }

        bool isRefused = false;
        while (channel.TryReceive(out MessageHeader header, out ulong status))
        {
            ProtocolViolation.Unless(
                header is { Request: (VhostUserMessage)BackendTranslation, Flags: MessageHeader.Version | MessageHeader.ReplyFlag, PayloadLength: sizeof(ulong) },
                $"message {(uint)header.Request}, flags 0x{header.Flags:x}, {header.PayloadLength} bytes, on the back end's channel: no reply to a question for a translation");
            ProtocolViolation.Unless(_iotlb.TakeReply(status == 0), $"a reply on the back end's channel to no question");
            isRefused |= status != 0;
        }

        if (isRefused)
        {
            LookAgain();
        }
    }

    /// <summary>Has queues look at the chains that they hold back.</summary>
    private void LookAgain()
    {
        foreach (Ring ring in _rings)
        {
            ring.Worker?.LookAgain();
        }
    }
}
