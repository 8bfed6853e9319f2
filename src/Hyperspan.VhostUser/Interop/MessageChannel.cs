using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;

namespace Hyperspan.VhostUser.Interop;

/// <summary>
/// Messages with descriptors over a Unix stream socket. The stream has no boundaries of its own and the kernel hands descriptors over with the first byte of what they
/// were sent with; so a header is read alone, exactly, and then exactly the payload that it announces.
/// </summary>
/// <remarks>Every wait ends with the event given to it. One thread may receive while another sends.</remarks>
internal sealed unsafe class MessageChannel
{
    // What is not received is closed by the kernel, and the message is refused: more than any message has is enough.
    private const int MaximumDescriptors = 32;

    // The kernel's SCM_MAX_FD.
    private const int MostSent = 253;

    private readonly SafeHandle _socket;
    private readonly EventDescriptor _stop;
    private readonly int _timeout;

    internal MessageChannel(SafeHandle socket, EventDescriptor stop, TimeSpan timeout)
    {
        _socket = socket;
        _stop = stop;
        _timeout = timeout == TimeSpan.Zero ? 0 : (int)Math.Clamp(timeout.TotalMilliseconds, 1, int.MaxValue);
    }

    /// <summary>Receives a header and the descriptors that came with it, waiting for its first byte as long as it takes.</summary>
    internal ChannelResult ReceiveHeader(out MessageHeader header, Descriptors descriptors)
    {
        Unsafe.SkipInit(out header);
        Span<byte> bytes = MemoryMarshal.AsBytes(new Span<MessageHeader>(ref header));
        return Receive(bytes, descriptors, isHeader: true);
    }

    /// <summary>Receives a payload.</summary>
    internal ChannelResult ReceivePayload(Span<byte> payload, Descriptors descriptors)
    {
        int before = descriptors.Count;
        ChannelResult result = Receive(payload, descriptors, isHeader: false);
        return result == ChannelResult.Done && (descriptors.Count != before || descriptors.AreTruncated) ? ChannelResult.StrayDescriptors : result;
    }

    /// <summary>Sends bytes and descriptors as one message.</summary>
    /// <exception cref="ArgumentException">There are more descriptors than the kernel passes with one message.</exception>
    /// <exception cref="ArgumentNullException">One of the descriptors is null.</exception>
    internal ChannelResult Send(ReadOnlySpan<byte> bytes, params ReadOnlySpan<SafeHandle> descriptors)
    {
        if (descriptors.Length > MostSent)
        {
            throw new ArgumentException($"{descriptors.Length} descriptors are more than the {MostSent} that go with one message.", nameof(descriptors));
        }

        foreach (SafeHandle descriptor in descriptors)
        {
            ArgumentNullException.ThrowIfNull(descriptor, nameof(descriptors));
        }

        int held = 0;
        byte* control = stackalloc byte[ControlHeader.SpaceFor(descriptors.Length)];
        bool[] added = new bool[descriptors.Length];
        try
        {
            int controlLength = 0;
            if (descriptors.Length != 0)
            {
                // SAFETY: the buffer on this stack has room for the header and as many numbers; the descriptors stay open until they are released below.
                controlLength = ControlHeader.SpaceFor(descriptors.Length);
                *(ControlHeader*)control = new ControlHeader
                {
                    Length = (ulong)(ControlHeader.Size + (descriptors.Length * sizeof(int))),
                    Level = LinuxConstants.SOL_SOCKET,
                    Type = LinuxConstants.SCM_RIGHTS,
                };
                for (; held < descriptors.Length; held++)
                {
                    descriptors[held].DangerousAddRef(ref added[held]);
                    ((int*)(control + ControlHeader.Size))[held] = (int)descriptors[held].DangerousGetHandle();
                }
            }

            return Send(bytes, control, controlLength);
        }
        finally
        {
            for (int i = 0; i < held; i++)
            {
                descriptors[i].DangerousRelease();
            }
        }
    }

    private ChannelResult Send(ReadOnlySpan<byte> bytes, byte* control, int controlLength)
    {
        // SAFETY: the bytes stay pinned, and the control data stays on the caller's stack, during every call.
        fixed (byte* start = bytes)
        {
            int sent = 0;
            long begun = Environment.TickCount64;
            while (sent < bytes.Length)
            {
                IoVector part = new(start + sent, (nuint)(bytes.Length - sent));
                SocketMessage message = new() { Parts = &part, PartCount = 1, Control = control, ControlLength = (ulong)controlLength };
                nint count = LibC.Sendmsg(_socket, &message, MessageFlags.DontWait | MessageFlags.NoSignal);
                if (count > 0)
                {
                    sent += (int)count;
                    controlLength = 0;
                    continue;
                }

                ChannelResult result = AfterError(Marshal.GetLastPInvokeError(), PollEvents.Out, Left(begun));
                if (result != ChannelResult.Done)
                {
                    return result;
                }
            }
        }

        return ChannelResult.Done;
    }

    private ChannelResult Receive(Span<byte> bytes, Descriptors descriptors, bool isHeader)
    {
        byte* control = stackalloc byte[ControlHeader.SpaceFor(MaximumDescriptors)];

        // SAFETY: the bytes stay pinned, and the control buffer stays on this stack, during every call; both have the lengths they are said to have.
        fixed (byte* start = bytes)
        {
            int received = 0;
            long begun = 0;
            while (received < bytes.Length)
            {
                IoVector part = new(start + received, (nuint)(bytes.Length - received));
                SocketMessage message = new()
                {
                    Parts = &part,
                    PartCount = 1,
                    Control = control,
                    ControlLength = (ulong)ControlHeader.SpaceFor(MaximumDescriptors),
                };
                nint count = LibC.Recvmsg(_socket, &message, MessageFlags.DontWait | MessageFlags.CloseOnExec);
                if (count > 0)
                {
                    int before = descriptors.Count;
                    Collect(&message, descriptors);
                    if ((message.Flags & MessageFlags.ControlTruncated) != MessageFlags.None)
                    {
                        descriptors.AreTruncated = true;

                        // There was room for more in the message: there was none in the table of open files.
                        descriptors.AreRefused |= descriptors.Count - before < MaximumDescriptors;
                    }

                    received += (int)count;
                    continue;
                }

                // All of it within the time, not each byte.
                begun = begun == 0 ? Environment.TickCount64 : begun;
                bool between = isHeader && received == 0;
                if (count == 0)
                {
                    return between ? ChannelResult.Closed : ChannelResult.Broken;
                }

                ChannelResult result = AfterError(Marshal.GetLastPInvokeError(), PollEvents.In, between ? -1 : Left(begun));
                begun = between ? 0 : begun;
                if (result != ChannelResult.Done)
                {
                    return result == ChannelResult.Broken && between ? ChannelResult.Closed : result;
                }
            }
        }

        return ChannelResult.Done;
    }

    private int Left(long begun) => (int)Math.Max(0, _timeout - (Environment.TickCount64 - begun));

    private ChannelResult AfterError(int error, PollEvents events, int timeout)
    {
        switch (error)
        {
            case ErrorNumber.Interrupted:
                return ChannelResult.Done;
            case ErrorNumber.TryAgain:
                return Waiting.For(_socket, events, _stop, timeout, out PollEvents ready) ? ChannelResult.Stopped
                    : ready == PollEvents.None ? ChannelResult.TimedOut : ChannelResult.Done;
            case ErrorNumber.BrokenPipe or ErrorNumber.ConnectionReset:
                return ChannelResult.Broken;
            default:
                throw new IOException($"vhost-user socket: {Marshal.GetPInvokeErrorMessage(error)}");
        }
    }

    private static void Collect(SocketMessage* message, Descriptors descriptors)
    {
        ulong at = 0;
        while (at + ControlHeader.Size <= message->ControlLength)
        {
            // SAFETY: the kernel wrote whole control messages into the buffer, as many bytes as it says.
            var header = (ControlHeader*)(message->Control + at);
            if (header->Length < ControlHeader.Size || header->Length > message->ControlLength - at)
            {
                return;
            }

            if (header->Level == LinuxConstants.SOL_SOCKET && header->Type == LinuxConstants.SCM_RIGHTS)
            {
                int count = (int)(header->Length - ControlHeader.Size) / sizeof(int);
                for (int i = 0; i < count; i++)
                {
                    descriptors.Add(((int*)(header + 1))[i]);
                }
            }

            at += (header->Length + 7) & ~7UL;
        }
    }
}
