using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.VhostUser.Interop;

/// <summary>The socket for messages of the back end, and for the front end's replies to them (vhost-user, "Back-end message types").</summary>
/// <remarks>
/// Nothing waits: the front end has the socket as well, and may take from it what was announced. Messages are sent by any thread, replies are received by one at a time.
/// </remarks>
internal sealed unsafe class BackendChannel(SafeFileHandle socket, EventDescriptor stop, UnclosedDescriptors unclosed) : IDisposable
{
    private readonly Lock _sending = new();
    private readonly byte[] _reply = new byte[MessageHeader.Length + sizeof(ulong)];
    private int _received;

    /// <summary>Gets the socket, to wait for.</summary>
    internal SafeHandle Socket => socket;

    /// <summary>Gets or sets a value indicating whether no more replies will come: the front end has closed its side. By the one who receives.</summary>
    internal bool HasEnded { get; set; }

    /// <summary>Gets or sets a value indicating whether those who wait for replies have been told so. By the one who receives.</summary>
    internal bool IsForsaken { get; set; }

    /// <summary>Sends a message. Not waited for: a front end that is behind with its messages is asked, or told, again.</summary>
    /// <returns>Whether it was sent.</returns>
    internal bool Send(ReadOnlySpan<byte> message)
    {
        lock (_sending)
        {
            return new MessageChannel(socket, stop, TimeSpan.Zero).Send(message) == ChannelResult.Done;
        }
    }

    /// <summary>Receives a reply, as far as it has come; the rest by the next calls.</summary>
    /// <param name="header">Its header.</param>
    /// <param name="value">What it says, if it has the length of a reply.</param>
    /// <returns>Whether all of it is there. Where not, all that had come was taken.</returns>
    internal bool TryReceive(out MessageHeader header, out ulong value)
    {
        (header, value) = (default, 0);
        while (!HasEnded && _received < _reply.Length)
        {
            nint count = ReceiveSome(_reply.AsSpan(_received));
            if (count > 0)
            {
                _received += (int)count;
                continue;
            }

            if (count < 0 && Marshal.GetLastPInvokeError() is ErrorNumber.Interrupted)
            {
                continue;
            }

            HasEnded = count == 0 || Marshal.GetLastPInvokeError() != ErrorNumber.TryAgain;
            return false;
        }

        if (HasEnded)
        {
            return false;
        }

        _received = 0;
        header = MemoryMarshal.Read<MessageHeader>(_reply);
        value = MemoryMarshal.Read<ulong>(_reply.AsSpan(MessageHeader.Length));
        return true;
    }

    public void Dispose() => PeerDescriptor.Close([socket], unclosed);

    private nint ReceiveSome(Span<byte> rest)
    {
        // SAFETY: the bytes stay pinned during the call. Without room for control data the kernel drops descriptors that come along.
        fixed (byte* start = rest)
        {
            IoVector part = new(start, (nuint)rest.Length);
            SocketMessage message = new() { Parts = &part, PartCount = 1 };
            return LibC.Recvmsg(socket, &message, MessageFlags.DontWait | MessageFlags.CloseOnExec);
        }
    }
}
