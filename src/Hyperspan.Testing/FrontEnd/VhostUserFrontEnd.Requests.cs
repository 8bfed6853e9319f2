using System.Net.Sockets;
using System.Runtime.InteropServices;

using Hyperspan.VhostUser;
using Hyperspan.VhostUser.Interop;
using Hyperspan.Virtio;

namespace Hyperspan.Testing;

/// <content>What a front end can ask for.</content>
public sealed partial class VhostUserFrontEnd
{
    private const ulong NoDescriptorFlag = 1UL << 8;

    private Socket? _backendChannel;
    private bool _missWantsReply;

    /// <summary>Agrees on features as QEMU does, and starts the session.</summary>
    /// <param name="features">The features to accept, of those offered.</param>
    /// <param name="protocolFeatures">The protocol features to accept, of those offered.</param>
    public void Negotiate(ulong features = ulong.MaxValue, VhostUserProtocolFeatures protocolFeatures = VhostUserProtocolFeatures.All)
    {
        ulong offered = GetFeatures();
        if ((offered & features & VhostUserConnection.ProtocolFeaturesBit) != 0)
        {
            SetProtocolFeatures(GetProtocolFeatures() & protocolFeatures);
        }

        // Logging is for whoever migrates: see SetLogging.
        SetOwner();
        SetFeatures(offered & features & ~VhostUserConnection.LogAllBit);
    }

    /// <summary>Asks for the features offered.</summary>
    /// <returns>The features, with bit 30 for the protocol features.</returns>
    public ulong GetFeatures() => Ask(VhostUserMessage.GetFeatures);

    /// <summary>Sets features.</summary>
    /// <param name="features">The features.</param>
    public void SetFeatures(ulong features)
    {
        Command(VhostUserMessage.SetFeatures, features);
        Features = features;
    }

    /// <summary>Asks for the protocol features offered.</summary>
    /// <returns>The protocol features.</returns>
    public VhostUserProtocolFeatures GetProtocolFeatures() => (VhostUserProtocolFeatures)Ask(VhostUserMessage.GetProtocolFeatures);

    /// <summary>Sets protocol features.</summary>
    /// <param name="features">The protocol features.</param>
    public void SetProtocolFeatures(VhostUserProtocolFeatures features)
    {
        Command(VhostUserMessage.SetProtocolFeatures, (ulong)features);
        ProtocolFeatures = features;
    }

    /// <summary>Starts the session.</summary>
    public void SetOwner() => Command(VhostUserMessage.SetOwner);

    /// <summary>Stops all rings, in the deprecated way.</summary>
    public void ResetOwner() => Command(VhostUserMessage.ResetOwner);

    /// <summary>Stops all rings and resets the device.</summary>
    public void ResetDevice() => Command(VhostUserMessage.ResetDevice);

    /// <summary>Asks how many queues there are.</summary>
    /// <returns>The number.</returns>
    public ulong GetQueueCount() => Ask(VhostUserMessage.GetQueueCount);

    /// <summary>Asks how many regions of memory there may be.</summary>
    /// <returns>The number.</returns>
    public ulong GetMaximumMemorySlots() => Ask(VhostUserMessage.GetMaxMemorySlots);

    /// <summary>Shares memory, in the place of all that was shared before.</summary>
    /// <param name="memory">At most 8 regions.</param>
    public void SetMemory(params ReadOnlySpan<VhostUserSharedMemory> memory)
    {
        byte[] payload = new byte[sizeof(ulong) + (memory.Length * MessageRule.RegionLength)];
        MemoryMarshal.Write(payload, (uint)memory.Length);
        var files = new SafeHandle[memory.Length];
        for (int i = 0; i < memory.Length; i++)
        {
            MemoryMarshal.Write(payload.AsSpan(sizeof(ulong) + (i * MessageRule.RegionLength)), memory[i].Region);
            files[i] = memory[i].File;
        }

        Command(VhostUserMessage.SetMemoryTable, payload, files);
        _regions.Clear();
        foreach (VhostUserSharedMemory region in memory)
        {
            _regions.Add(region.Region);
        }
    }

    /// <summary>Shares one more region of memory.</summary>
    /// <param name="memory">The region.</param>
    public void AddMemory(VhostUserSharedMemory memory)
    {
        Command(VhostUserMessage.AddMemoryRegion, Payload(memory.Region), memory.File);
        _regions.Add(memory.Region);
    }

    /// <summary>Takes one region of memory back.</summary>
    /// <param name="region">The region.</param>
    public void RemoveMemory(VhostUserMemoryRegion region)
    {
        Command(VhostUserMessage.RemoveMemoryRegion, Payload(region));
        _regions.Remove(region);
    }

    /// <summary>Reads the device's configuration.</summary>
    /// <param name="offset">The first byte.</param>
    /// <param name="length">How many bytes; at most 256, as the protocol has it.</param>
    /// <returns>The bytes.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The length is negative or more.</exception>
    public byte[] GetConfig(int offset, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, MessageRule.LongestConfig);
        byte[] payload = new byte[MessageRule.ConfigHeader + length];
        MemoryMarshal.Write(payload, new NumberPair((uint)offset, (uint)length));
        Send(VhostUserMessage.GetConfig, payload);
        byte[] reply = Receive(VhostUserMessage.GetConfig);
        return reply.Length == payload.Length
            ? reply[MessageRule.ConfigHeader..]
            : throw new VhostUserException(VhostUserMessage.GetConfig, $"the reply has {reply.Length} bytes instead of {payload.Length}");
    }

    /// <summary>Writes the device's configuration.</summary>
    /// <param name="offset">The first byte.</param>
    /// <param name="bytes">The bytes.</param>
    public void SetConfig(int offset, ReadOnlySpan<byte> bytes)
    {
        byte[] payload = new byte[MessageRule.ConfigHeader + bytes.Length];
        MemoryMarshal.Write(payload, new NumberPair((uint)offset, (uint)bytes.Length));
        bytes.CopyTo(payload.AsSpan(MessageRule.ConfigHeader));
        Command(VhostUserMessage.SetConfig, payload);
    }

    /// <summary>Asks for memory to record requests in flight in.</summary>
    /// <param name="queueCount">The number of queues.</param>
    /// <param name="queueSize">The number of descriptors of each.</param>
    /// <returns>The memory. It counts once it is given back by <see cref="SetInflight"/>.</returns>
    public VhostUserInflight GetInflight(ushort queueCount, ushort queueSize)
    {
        var description = new InflightDescription { QueueCount = queueCount, QueueSize = queueSize };
        Send(VhostUserMessage.GetInflight, MemoryMarshal.AsBytes(new ReadOnlySpan<InflightDescription>(in description)));
        using var descriptors = new Descriptors(new UnclosedDescriptors());
        description = MemoryMarshal.Read<InflightDescription>(Receive(VhostUserMessage.GetInflight, descriptors));
        return descriptors.Count == 1
            ? new VhostUserInflight(descriptors.Take(0), description.Length, description.Offset, description.QueueCount, description.QueueSize)
            : throw new VhostUserException(VhostUserMessage.GetInflight, $"the reply has {descriptors.Count} descriptors");
    }

    /// <summary>Gives the back end the memory to record requests in flight in; from then on it resumes what is recorded there.</summary>
    /// <param name="inflight">The memory.</param>
    public void SetInflight(VhostUserInflight inflight)
    {
        ArgumentNullException.ThrowIfNull(inflight);
        var description = new InflightDescription
        {
            Length = inflight.Length,
            Offset = inflight.Offset,
            QueueCount = inflight.QueueCount,
            QueueSize = inflight.QueueSize,
        };
        Command(VhostUserMessage.SetInflight, MemoryMarshal.AsBytes(new ReadOnlySpan<InflightDescription>(in description)), inflight.File);
    }

    /// <summary>Sets up, starts and enables a queue.</summary>
    /// <param name="index">Which.</param>
    /// <param name="layout">Where its rings lie, in guest-physical addresses of memory that is shared.</param>
    /// <param name="nextAvailable">
    /// The next index of the available ring to be processed; of a packed queue the places of the next descriptors that <see cref="StopPackedQueue"/> returns.
    /// <see langword="null"/> for a fresh queue.
    /// </param>
    /// <returns>Its events; to be disposed by the caller.</returns>
    public VhostUserFrontEndQueue StartQueue(int index, VirtQueueLayout layout, uint? nextAvailable = null)
    {
        uint fresh = (Features & VirtioFeatures.PackedRing) != 0 ? VringBase.FreshPacked.Number : 0;
        var queue = new VhostUserFrontEndQueue(index);
        try
        {
            SetEvent(VhostUserMessage.SetVringCall, index, queue.CallHandle);
            SetEvent(VhostUserMessage.SetVringError, index, queue.ErrorEvent.Handle);
            SetVring(VhostUserMessage.SetVringSize, index, layout.Size);
            SetVring(VhostUserMessage.SetVringBase, index, nextAvailable ?? fresh);
            SetAddress(index, layout);
            SetEvent(VhostUserMessage.SetVringKick, index, queue.KickHandle);
            if ((Features & VhostUserConnection.ProtocolFeaturesBit) != 0)
            {
                EnableQueue(index, true);
            }

            return queue;
        }
        catch
        {
            queue.Dispose();
            throw;
        }
    }

    /// <summary>Enables or disables a queue.</summary>
    /// <param name="index">Which.</param>
    /// <param name="enabled">Whether it is to be served.</param>
    public void EnableQueue(int index, bool enabled) => SetVring(VhostUserMessage.SetVringEnable, index, enabled ? 1u : 0);

    /// <summary>Gives the back end the memory in which it logs what it writes: a bit for each page of 4 KiB from guest address zero on, set by atomic operations.</summary>
    /// <param name="file">The file; a memfd.</param>
    /// <param name="size">The length in bytes: a bit at least for each page of memory.</param>
    /// <param name="offset">Where in the file it begins; a multiple of 4096.</param>
    public void SetLog(SafeHandle file, ulong size, ulong offset = 0)
    {
        Span<ulong> payload = [size, offset];
        Send(VhostUserMessage.SetLogBase, MemoryMarshal.AsBytes(payload), MessageHeader.Version, file);
        Receive(VhostUserMessage.SetLogBase);
    }

    /// <summary>Has the back end log what it writes, or not any more. What it has written before is over when this returns, if acknowledgements are agreed on.</summary>
    /// <param name="enabled">Whether to log.</param>
    public void SetLogging(bool enabled) =>
        SetFeatures(enabled ? Features | VhostUserConnection.LogAllBit : Features & ~VhostUserConnection.LogAllBit);

    /// <summary>Says where the used ring of a queue is logged, or that it is not.</summary>
    /// <param name="index">Which.</param>
    /// <param name="layout">Where its rings lie.</param>
    /// <param name="logAddress">The address that the first byte of the used ring is logged at, usually that of the ring; <see langword="null"/> for none.</param>
    public void SetQueueLog(int index, VirtQueueLayout layout, GuestAddress? logAddress) => SetAddress(index, layout, logAddress?.Value);

    /// <summary>Stops a queue.</summary>
    /// <param name="index">Which.</param>
    /// <returns>The next index of its available ring to be processed.</returns>
    public ushort StopQueue(int index) => (ushort)StopPackedQueue(index);

    /// <summary>Stops a queue that may be packed.</summary>
    /// <param name="index">Which.</param>
    /// <returns>
    /// Where it goes on: the place of the next descriptor to be taken, and in the upper half that of the next one to be returned, each with the wrap counter in bit 15.
    /// </returns>
    public uint StopPackedQueue(int index)
    {
        Send(VhostUserMessage.GetVringBase, Payload(new NumberPair((uint)index, 0)));
        var reply = MemoryMarshal.Read<NumberPair>(Receive(VhostUserMessage.GetVringBase));
        return reply.First == index
            ? reply.Second
            : throw new VhostUserException(VhostUserMessage.GetVringBase, $"the reply is about queue {reply.First} instead of {index}");
    }

    /// <summary>Gives the back end a socket by which it can say that the device's configuration changed.</summary>
    public void OpenBackendChannel()
    {
        (Socket theirs, Socket ours) = VhostUserSocketPair.Create();
        using (theirs)
        {
            Command(VhostUserMessage.SetBackendChannel, [], theirs.SafeHandle);
        }

        _backendChannel?.Dispose();
        _backendChannel = ours;
    }

    /// <summary>Waits until the back end says that the device's configuration changed.</summary>
    /// <param name="timeout">How long to wait at most.</param>
    /// <returns>Whether it did.</returns>
    public bool WaitForConfigChange(TimeSpan timeout)
    {
        Socket channel = _backendChannel ?? throw new InvalidOperationException("The channel has not been opened.");
        Span<byte> message = stackalloc byte[MessageHeader.Length];
        return channel.Poll(timeout, SelectMode.SelectRead)
            && channel.Receive(message) == message.Length
            && MemoryMarshal.Read<MessageHeader>(message).Request == (VhostUserMessage)VhostUserConnection.ConfigChange;
    }

    /// <summary>
    /// Gives a translation: where <see cref="VirtioFeatures.AccessPlatform"/> is set, addresses in rings and descriptors, and those of rings, are I/O virtual ones.
    /// </summary>
    /// <param name="address">The first I/O virtual address; a multiple of 4096.</param>
    /// <param name="target">Where in shared memory it lies; a multiple of 4096.</param>
    /// <param name="length">The length in bytes; a multiple of 4096.</param>
    /// <param name="protection">What the device may do there.</param>
    public void UpdateTranslation(ulong address, GuestAddress target, ulong length, Protection protection) => Translate(new IotlbMessage(
        address,
        length,
        UserAddress(target, nameof(target)),
        (byte)((protection.CanRead ? IotlbMessage.ReadPermission : 0) | (protection.CanWrite ? IotlbMessage.WritePermission : 0)),
        IotlbMessageType.Update));

    /// <summary>Takes translations away. None of them is in use when this returns, if acknowledgements are agreed on.</summary>
    /// <param name="address">The first I/O virtual address.</param>
    /// <param name="length">The length in bytes; zero for all that follows.</param>
    public void InvalidateTranslation(ulong address, ulong length) => Translate(new IotlbMessage(address, length, 0, 0, IotlbMessageType.Invalidate));

    /// <summary>Waits until the back end asks for a translation, over the channel of <see cref="OpenBackendChannel"/>.</summary>
    /// <param name="timeout">How long to wait at most.</param>
    /// <param name="address">The I/O virtual address.</param>
    /// <param name="access">What it is wanted for.</param>
    /// <returns>Whether it did.</returns>
    public bool WaitForMiss(TimeSpan timeout, out ulong address, out AccessType access) => WaitFor(IotlbMessageType.Miss, timeout, out address, out access);

    /// <summary>
    /// Waits until the back end says that it could not access something, over the channel of <see cref="OpenBackendChannel"/>: a translation that it asked for did not
    /// come. What else it says meanwhile is dropped.
    /// </summary>
    /// <param name="timeout">How long to wait for each message at most.</param>
    /// <param name="address">The I/O virtual address of the page.</param>
    /// <param name="access">What it was wanted for.</param>
    /// <returns>Whether it did.</returns>
    public bool WaitForAccessFailure(TimeSpan timeout, out ulong address, out AccessType access) =>
        WaitFor(IotlbMessageType.AccessFailed, timeout, out address, out access);

    private bool WaitFor(IotlbMessageType type, TimeSpan timeout, out ulong address, out AccessType access)
    {
        (address, access) = (0, AccessType.Read);
        Socket channel = _backendChannel ?? throw new InvalidOperationException("The channel has not been opened.");
        Span<byte> bytes = stackalloc byte[MessageHeader.Length + IotlbMessage.Length];
        while (channel.Poll(timeout, SelectMode.SelectRead))
        {
            if (channel.Receive(bytes) != bytes.Length
                || MemoryMarshal.Read<MessageHeader>(bytes).Request != (VhostUserMessage)VhostUserConnection.BackendTranslation)
            {
                return false;
            }

            _missWantsReply = MemoryMarshal.Read<MessageHeader>(bytes).NeedsReply;
            var message = MemoryMarshal.Read<IotlbMessage>(bytes[MessageHeader.Length..]);
            if (message.Type == type)
            {
                address = message.Iova;
                access = (message.Permission & IotlbMessage.WritePermission) != 0 ? AccessType.Write : AccessType.Read;
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// Replies to what <see cref="WaitForMiss"/> found, if the back end wants that: after <see cref="UpdateTranslation"/>, or where there is no translation. To be called before
    /// the next miss is waited for.
    /// </summary>
    /// <param name="isTranslated">Whether the translation was given; otherwise it is refused, and an access there fails at once.</param>
    /// <returns>Whether the back end wanted a reply.</returns>
    public bool ReplyToMiss(bool isTranslated)
    {
        if (!_missWantsReply)
        {
            return false;
        }

        _missWantsReply = false;
        SendReply((VhostUserMessage)VhostUserConnection.BackendTranslation, isTranslated ? 0UL : 1);
        return true;
    }

    /// <summary>Replies to a message of the back end, asked for or not.</summary>
    internal void SendReply(VhostUserMessage request, ulong status)
    {
        byte[] bytes = new byte[MessageHeader.Length + sizeof(ulong)];
        MemoryMarshal.Write(bytes, new MessageHeader { Request = request, Flags = MessageHeader.Version | MessageHeader.ReplyFlag, PayloadLength = sizeof(ulong) });
        MemoryMarshal.Write(bytes.AsSpan(MessageHeader.Length), status);
        SendRawReply(bytes);
    }

    /// <summary>Sends bytes over the back end's channel as they are.</summary>
    internal void SendRawReply(ReadOnlySpan<byte> bytes, params ReadOnlySpan<SafeHandle> descriptors) =>
        new MessageChannel(_backendChannel!.SafeHandle, _never, _timeout).Send(bytes, descriptors);

    /// <summary>Closes the channel of <see cref="OpenBackendChannel"/>.</summary>
    public void CloseBackendChannel() => _backendChannel?.Dispose();

    internal void Translate(IotlbMessage message) => Command(VhostUserMessage.TranslationMessage, MemoryMarshal.AsBytes(new ReadOnlySpan<IotlbMessage>(in message)));

    internal void SetVring(VhostUserMessage request, int index, uint value) => Command(request, Payload(new NumberPair((uint)index, value)));

    internal void SetEvent(VhostUserMessage request, int index, SafeHandle? handle)
    {
        byte[] payload = Payload((uint)index | (handle is null ? NoDescriptorFlag : 0));
        if (handle is null)
        {
            Command(request, payload);
        }
        else
        {
            Command(request, payload, handle);
        }
    }

    internal void SetAddress(int index, VirtQueueLayout layout, ulong? logAddress = null) => Command(
        VhostUserMessage.SetVringAddress,
        MemoryMarshal.AsBytes<RingPlace>([
            new RingPlace((uint)index, RingAddress(layout.DescriptorTable), RingAddress(layout.AvailableRing), RingAddress(layout.UsedRing), logAddress),
        ]));

    private ulong RingAddress(GuestAddress address) => (Features & VirtioFeatures.AccessPlatform) != 0 ? address.Value : UserAddress(address, "layout");

    /// <summary>Gives the bytes of a region message, or of another one that begins with eight bytes of padding.</summary>
    internal static byte[] Payload(in VhostUserMemoryRegion region)
    {
        byte[] payload = new byte[sizeof(ulong) + MessageRule.RegionLength];
        MemoryMarshal.Write(payload.AsSpan(sizeof(ulong)), region);
        return payload;
    }

    internal static byte[] Payload<T>(T value)
        where T : unmanaged => MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)).ToArray();

    private ulong UserAddress(GuestAddress address, string parameter)
    {
        foreach (VhostUserMemoryRegion region in _regions)
        {
            if (address.Value - region.GuestAddress < region.Size)
            {
                return region.UserAddress + (address.Value - region.GuestAddress);
            }
        }

        throw new ArgumentException($"{address} is not in shared memory.", parameter);
    }
}
