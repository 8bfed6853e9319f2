using System.IO.Pipes;
using System.Runtime.InteropServices;

using Hyperspan.VhostUser;

namespace Hyperspan.Testing;

/// <content>Saving and loading the state of the device.</content>
public sealed partial class VhostUserFrontEnd
{
    private const ulong StateError = 0xff;

    /// <summary>Has the back end save the state of its device, whose queues are all stopped.</summary>
    /// <returns>The state.</returns>
    /// <exception cref="VhostUserException">The back end could not.</exception>
    public byte[] SaveDeviceState()
    {
        using var pipe = new AnonymousPipeServerStream(PipeDirection.In);
        BeginState(direction: 0, pipe.ClientSafePipeHandle);
        pipe.DisposeLocalCopyOfClientHandle();
        using var state = new MemoryStream();
        pipe.CopyTo(state);
        EndState();
        return state.ToArray();
    }

    /// <summary>Has the back end load the state of a device, whose queues are all stopped.</summary>
    /// <param name="state">The state.</param>
    /// <exception cref="VhostUserException">The back end cannot go on from there.</exception>
    public void LoadDeviceState(ReadOnlySpan<byte> state)
    {
        using (var pipe = new AnonymousPipeServerStream(PipeDirection.Out))
        {
            BeginState(direction: 1, pipe.ClientSafePipeHandle);
            pipe.DisposeLocalCopyOfClientHandle();
            try
            {
                pipe.Write(state);
            }
            catch (IOException)
            {
                // It takes no more: why, it says in the end.
            }
        }

        EndState();
    }

    /// <summary>Has the back end begin to save (0) or load (1) a state.</summary>
    internal void BeginState(uint direction, SafeHandle descriptor, uint phase = 0)
    {
        Send(VhostUserMessage.SetStateDescriptor, Payload(new NumberPair(direction, phase)), MessageHeader.Version, descriptor);
        Check(VhostUserMessage.SetStateDescriptor);
    }

    /// <summary>Asks how it went.</summary>
    internal void EndState()
    {
        Send(VhostUserMessage.CheckState);
        Check(VhostUserMessage.CheckState);
    }

    private void Check(VhostUserMessage request)
    {
        if ((MemoryMarshal.Read<ulong>(Receive(request)) & StateError) is var status and not 0)
        {
            throw new VhostUserException(request, $"the back end refused it ({status})");
        }
    }
}
