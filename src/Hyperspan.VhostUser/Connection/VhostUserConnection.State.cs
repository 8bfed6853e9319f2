using System.Runtime.InteropServices;

using Hyperspan.VhostUser.Interop;

namespace Hyperspan.VhostUser;

/// <content>The state of the device, over a descriptor, for a front end that saves or migrates it (vhost-user, "Migrating back-end state").</content>
public sealed partial class VhostUserConnection
{
    // In the replies: what was asked for was not done; there is no descriptor with the reply.
    private const ulong StateFailed = 1;
    private const ulong NoStateDescriptor = 1UL << 8;

    /// <summary>What the two sides of a connection agree on, and not the driver.</summary>
    private const ulong StateTransport = ProtocolFeaturesBit | LogAllBit;

    private StateTransfer? _stateTransfer;

    private void SetStateDescriptor(ReadOnlySpan<byte> payload, Descriptors descriptors)
    {
        ProtocolViolation.Unless(descriptors.Count == 1, "there is no descriptor");
        ReadOnlySpan<uint> words = MemoryMarshal.Cast<byte, uint>(payload);
        (uint direction, uint phase) = (words[0], words[1]);
        DropState();
        string? refusal = direction > 1 ? $"direction {direction} is neither that of saving nor that of loading"
            : phase != 0 ? $"phase {phase} is unknown: the device is to be stopped"
            : AnyStarted ? "rings are started"
            : direction == 0 && !_featuresSet ? "features have not been set yet"
            : null;
        if (refusal is null)
        {
            try
            {
                _stateTransfer = direction == 0
                    ? StateTransfer.Save(descriptors, DeviceState.Save(_device, _features & ~StateTransport), _options.MessageTimeout)
                    : StateTransfer.Load(descriptors, DeviceState.LengthOf(_device) + 1, _options.MessageTimeout);
            }
            catch (ProtocolViolation violation)
            {
                // Not for us, but nothing that a front end may not try.
                refusal = violation.Message;
            }
        }

        if (refusal is not null)
        {
            Report(VhostUserEventKind.StateRefused, refusal);
        }

        // The front end's descriptor is as good as any.
        Reply(VhostUserMessage.SetStateDescriptor, NoStateDescriptor | (refusal is null ? 0 : StateFailed));
    }

    /// <summary>Says how it went, and goes on from a state that was received.</summary>
    private void CheckState()
    {
        string? failure = "no state was transferred";
        if (_stateTransfer is { } state)
        {
            failure = state.Finish(_options.MessageTimeout, _ending.Token);
            if (failure is null && !state.IsSave)
            {
                failure = AnyStarted ? "rings are started"
                    : DeviceState.Load(_device, state.Received, OfferedFeatures, _featuresSet ? _features & ~StateTransport : null);
            }

            if (failure is null)
            {
                Report(VhostUserEventKind.StateTransferred, state.IsSave ? "saved" : "loaded");
            }

            DropState();
        }

        if (failure is not null)
        {
            Report(VhostUserEventKind.StateRefused, failure);
        }

        Reply(VhostUserMessage.CheckState, failure is null ? 0 : StateFailed);
    }

    private void DropState()
    {
        _stateTransfer?.Dispose();
        _stateTransfer = null;
    }
}
