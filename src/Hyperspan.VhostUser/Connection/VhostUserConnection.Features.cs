using System.Runtime.InteropServices;

using Hyperspan.VhostUser.Interop;
using Hyperspan.Virtio;

namespace Hyperspan.VhostUser;

/// <content>Features, the device's configuration, and messages to the front end.</content>
public sealed partial class VhostUserConnection
{
    /// <summary>VHOST_USER_F_PROTOCOL_FEATURES: a feature bit that no device has, by which the two sides learn that they both know protocol features.</summary>
    internal const ulong ProtocolFeaturesBit = 1UL << 30;

    /// <summary>VHOST_USER_BACKEND_CONFIG_CHANGE_MSG.</summary>
    internal const uint ConfigChange = 2;

    private const uint MigrationFlag = 0x1;

    private VhostUserProtocolFeatures _protocolFeatures;
    private bool _protocolFeaturesSet;
    private ulong _features;
    private bool _featuresSet;
    private volatile BackendChannel? _backendChannel;

    // A front end whose rings are stopped drops what it is told of the configuration (QEMU 7.2 and 10), or falls over it (5.2); and one that connects again does not ask.
    private static readonly TimeSpan QuietBeforeTelling = TimeSpan.FromMilliseconds(100);
    private volatile bool _hasServed;
    private volatile bool _configChanged;
    private volatile bool _configRead;
    private volatile bool _configTold;

    /// <summary>The features that are not the device's.</summary>
    private const ulong TransportFeatures = ProtocolFeaturesBit | LogAllBit | VirtioFeatures.AccessPlatform | VirtioFeatures.RingReset;

    private ulong OfferedFeatures =>
        (_device.OfferedFeatures
            | ProtocolFeaturesBit
            | (MayLog ? LogAllBit : 0)
            | (_options.OfferAddressTranslation ? VirtioFeatures.AccessPlatform : 0)
            | (_options.OfferQueueReset ? VirtioFeatures.RingReset : 0))
        & _options.FeatureMask;

    private bool MayLog => (OfferedProtocolFeatures & VhostUserProtocolFeatures.LogSharedMemory) != 0;

    private VhostUserProtocolFeatures OfferedProtocolFeatures => VhostUserProtocolFeatures.All & _options.ProtocolFeatureMask;

    /// <summary>
    /// Whether rings are disabled until they are enabled by a message. Front ends that set protocol features without acknowledging the bit for them do not count
    /// on that: their rings start enabled.
    /// </summary>
    private bool RingsWantEnabling => (_features & ProtocolFeaturesBit) != 0;

    /// <summary>Whether rings may be enabled and disabled: both sides know protocol features, acknowledged or not.</summary>
    private bool RingsMayBeEnabled => RingsWantEnabling || _protocolFeaturesSet;

    /// <summary>
    /// Tells the front end that the device's configuration changed, so that it reads it again and tells the guest; once more when its rings are started anew, if it has not
    /// read it by then. While rings that it has served are stopped it is told when they are started again. May be called from any thread.
    /// </summary>
    /// <returns>Whether it was or will be told: not so where it has not set <see cref="VhostUserProtocolFeatures.BackendChannel"/>, or does not take messages.</returns>
    public bool NotifyConfigChanged()
    {
        _configChanged = true;
        Interlocked.MemoryBarrier();
        return _hasServed && !AnyStarted ? _backendChannel is not null : TellConfigChanged();
    }

    private bool TellConfigChanged()
    {
        _configTold = true;
        var header = new MessageHeader { Request = (VhostUserMessage)ConfigChange, Flags = MessageHeader.Version };
        return SendToFrontEnd(MemoryMarshal.AsBytes(new ReadOnlySpan<MessageHeader>(in header)));
    }

    /// <summary>Rings that were all stopped are started: what was told before, and not read, was told in vain.</summary>
    private void BeginToServe()
    {
        _configTold = false;
        _hasServed = true;
        Interlocked.MemoryBarrier();
    }

    /// <summary>
    /// Tells of a configuration that the front end has not read since it changed, or that it has not read at all though it brings a record of requests in flight: it was served
    /// before. Not before it has been quiet for a moment: while it starts rings it waits for answers, and its question would come among them.
    /// </summary>
    private void TellUnreadConfig()
    {
        if (!_configTold && _backendChannel is not null && (_configChanged || (!_configRead && _inflight is not null)) && AnyStarted
            && !Waiting.ForInput(_socket.SafeHandle, _stop, QuietBeforeTelling))
        {
            TellConfigChanged();
        }
    }

    private void SetFeatures(ulong features)
    {
        ProtocolViolation.Unless((features & ~OfferedFeatures) == 0, $"features 0x{features & ~OfferedFeatures:x} were not offered");
        ProtocolViolation.Unless(!AnyStarted || ((features ^ _features) & ~LogAllBit) == 0, "features cannot change while a ring is started");
        if ((features & LogAllBit) != 0 && _writeLog is { } log)
        {
            RequireLogged(log, _memory);
        }

        if (AnyStarted)
        {
            SetLogging((features & LogAllBit) != 0);
            return;
        }

        if (!_featuresSet || features != _features)
        {
            Report(VhostUserEventKind.Negotiated, $"features 0x{features:x}, protocol features {_protocolFeatures} (0x{(ulong)_protocolFeatures:x})");
        }

        (_features, _featuresSet) = (features, true);
        _ = DriverMemory;
        UpdateLogging();
        _device.AcceptFeatures(features & ~TransportFeatures);
    }

    /// <summary>Has writes logged or not, while rings are served. What is in flight ends before.</summary>
    private void SetLogging(bool wanted)
    {
        ulong features = wanted ? _features | LogAllBit : _features & ~LogAllBit;
        if (features != _features)
        {
            PauseAll();
            _features = features;
            UpdateLogging();
            Report(VhostUserEventKind.LogChanged, wanted ? "what is written is logged" : "what is written is not logged any more");
            ResumeAll();
        }
    }

    private void GetProtocolFeatures()
    {
        ProtocolViolation.Unless((OfferedFeatures & ProtocolFeaturesBit) != 0, "the feature for protocol features was not offered");
        Reply(VhostUserMessage.GetProtocolFeatures, (ulong)OfferedProtocolFeatures);
    }

    private void SetProtocolFeatures(VhostUserProtocolFeatures features)
    {
        ProtocolViolation.Unless((OfferedFeatures & ProtocolFeaturesBit) != 0, "the feature for protocol features was not offered");
        ProtocolViolation.Unless(
            (features & ~OfferedProtocolFeatures) == 0, $"protocol features 0x{(ulong)(features & ~OfferedProtocolFeatures):x} were not offered");
        ProtocolViolation.Unless(!AnyStarted, "protocol features cannot change while a ring is started");
        (_protocolFeatures, _protocolFeaturesSet) = (features, true);
        _iotlb.IsReplied = (features & VhostUserProtocolFeatures.ReplyAcknowledge) != 0;
    }

    private void ResetDevice()
    {
        StopAll("the device was reset");
        foreach (Ring ring in _rings)
        {
            ring.Reset();
        }

        _inflight?.Dispose();
        _inflight = null;
        (_features, _featuresSet) = (0, false);
        _iotlb.Clear();
        UpdateLogging();
        _device.Reset();
        Report(VhostUserEventKind.Reset, "all rings stopped");
    }

    private void GetConfig(ReadOnlySpan<byte> payload)
    {
        ConfigRange(payload, out uint offset, out uint size, out _);

        (_configChanged, _configRead) = (false, true);

        // Newer front ends know more fields than a device has: what it has not reads as zero, as where a transport pads its configuration.
        Span<byte> reply = stackalloc byte[MessageRule.LongestPayload];
        reply = reply[..(MessageRule.ConfigHeader + (int)size)];
        reply.Clear();
        payload[..MessageRule.ConfigHeader].CopyTo(reply);
        uint length = (uint)_device.ConfigLength;
        if (offset < length)
        {
            _device.ReadConfig(offset, reply.Slice(MessageRule.ConfigHeader, (int)Math.Min(size, length - offset)));
        }

        Reply(VhostUserMessage.GetConfig, reply);
    }

    /// <summary>
    /// Writes to the device's configuration. What the device refuses is answered, and told once: the front end goes on, as it does where it is a device that lacks the
    /// field.
    /// </summary>
    /// <returns>Whether it was written.</returns>
    private bool SetConfig(ReadOnlySpan<byte> payload)
    {
        ConfigRange(payload, out uint offset, out uint size, out uint flags);
        ProtocolViolation.Unless(payload.Length == MessageRule.ConfigHeader + size, $"payload of {payload.Length} bytes for {size} of configuration");
        ProtocolViolation.Unless(flags <= MigrationFlag, $"flags 0x{flags:x} are unknown");
        if (offset <= (uint)_device.ConfigLength && size <= (uint)_device.ConfigLength - offset && _device.TryWriteConfig(offset, payload[MessageRule.ConfigHeader..]))
        {
            return true;
        }

        Report(VhostUserEventKind.ConfigurationRefused, $"{size} bytes at offset {offset} of the configuration of {_device.ConfigLength} cannot be written");
        return false;
    }

    private static void ConfigRange(ReadOnlySpan<byte> payload, out uint offset, out uint size, out uint flags)
    {
        ReadOnlySpan<uint> fields = MemoryMarshal.Cast<byte, uint>(payload[..MessageRule.ConfigHeader]);
        (offset, size, flags) = (fields[0], fields[1], fields[2]);
        ProtocolViolation.Unless(
            offset <= MessageRule.LongestConfig && size <= MessageRule.LongestConfig - offset,
            $"{size} bytes at offset {offset} are more than the {MessageRule.LongestConfig} of the longest configuration");

        // Some front ends send room for what they ask for, others the range alone.
        ProtocolViolation.Unless(
            payload.Length == MessageRule.ConfigHeader || payload.Length == MessageRule.ConfigHeader + size,
            $"payload of {payload.Length} bytes for {size} of configuration");
    }

    private void SetBackendChannel(Descriptors descriptors)
    {
        ProtocolViolation.Unless(descriptors.Count == 1, "there is no descriptor");
        ProtocolViolation.Unless(EventDescriptor.KindOf(descriptors[0]) == DescriptorKind.Socket, "the descriptor is no socket");
        BackendChannel? before = _backendChannel;
        lock (_iotlb.Sync)
        {
            // Under the lock of who asks: what is asked over the new one is replied to there.
            _backendChannel = new BackendChannel(descriptors.Take(0), _stop, descriptors.Unclosed);
            _iotlb.ForgetReplies();
        }

        before?.Dispose();
    }

    private void CloseBackendChannel()
    {
        BackendChannel? before = _backendChannel;
        _backendChannel = null;
        before?.Dispose();
    }

    /// <summary>Sends a message to the front end, without waiting. May be called from any thread.</summary>
    private bool SendToFrontEnd(ReadOnlySpan<byte> message)
    {
        try
        {
            return _backendChannel?.Send(message) == true;
        }
        catch (ObjectDisposedException)
        {
            // It was given another one, or the connection ends.
            return false;
        }
    }
}
