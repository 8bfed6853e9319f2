using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.InteropServices;

using Hyperspan.VhostUser;
using Hyperspan.VhostUser.Interop;

namespace Hyperspan.Testing;

/// <summary>
/// The front end's side of a vhost-user connection: for tests, demonstrations and guests within a process. It sends what it is told to and checks little; the order of
/// messages is the caller's.
/// </summary>
/// <remarks>
/// Not safe for use from several threads at once, but for the events of its queues. Every method throws <see cref="VhostUserException"/> when the back end refuses,
/// closes the connection or does not answer in time; where <see cref="VhostUserProtocolFeatures.ReplyAcknowledge"/> is set, every message is acknowledged before its
/// method returns.
/// <example>
/// <code>
/// using var frontEnd = VhostUserFrontEnd.Connect("/tmp/disk.sock");
/// frontEnd.Negotiate();
/// frontEnd.SetMemory(VhostUserSharedMemory.Of(0, memory));
/// using VhostUserFrontEndQueue queue = frontEnd.StartQueue(0, layout);
/// queue.Kick();
/// queue.WaitForCall(TimeSpan.FromSeconds(1));
/// </code>
/// </example>
/// </remarks>
[DebuggerDisplay("features {Features}, {ProtocolFeatures}")]
public sealed partial class VhostUserFrontEnd : IDisposable
{
    private readonly Socket _socket;
    private readonly EventDescriptor _never = EventDescriptor.Create();
    private readonly MessageChannel _channel;
    private readonly TimeSpan _timeout;
    private readonly List<VhostUserMemoryRegion> _regions = [];

    /// <summary>Initializes a new instance of the <see cref="VhostUserFrontEnd"/> class.</summary>
    /// <param name="socket">A connected Unix stream socket. It belongs to this object from now on.</param>
    /// <param name="timeout">How long to wait for a back end; 10 seconds where it is <see langword="null"/>.</param>
    public VhostUserFrontEnd(Socket socket, TimeSpan? timeout = null)
    {
        ArgumentNullException.ThrowIfNull(socket);
        _socket = socket;
        _timeout = timeout ?? TimeSpan.FromSeconds(10);
        _channel = new MessageChannel(socket.SafeHandle, _never, _timeout);
    }

    /// <summary>Gets the features that have been set.</summary>
    public ulong Features { get; private set; }

    /// <summary>Gets the protocol features that have been set.</summary>
    public VhostUserProtocolFeatures ProtocolFeatures { get; private set; }

    /// <summary>Connects to a back end.</summary>
    /// <param name="socketPath">Its socket.</param>
    /// <param name="timeout">How long to wait for a back end; 10 seconds where it is <see langword="null"/>.</param>
    /// <returns>The front end.</returns>
    /// <exception cref="SocketException">There is none.</exception>
    public static VhostUserFrontEnd Connect(string socketPath, TimeSpan? timeout = null)
    {
        UnixDomainSocketEndPoint address = UnixListener.AddressOf(socketPath);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(address);
            return new VhostUserFrontEnd(socket, timeout);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Closes the connection.</summary>
    public void Dispose()
    {
        _backendChannel?.Dispose();
        _socket.Dispose();
        _never.Dispose();
    }

    /// <summary>Sends a message without looking at it, or at an answer.</summary>
    internal void Send(VhostUserMessage request, ReadOnlySpan<byte> payload = default, uint flags = MessageHeader.Version, params ReadOnlySpan<SafeHandle> descriptors)
    {
        var header = new MessageHeader { Request = request, Flags = flags, PayloadLength = (uint)payload.Length };
        byte[] bytes = new byte[MessageHeader.Length + payload.Length];
        MemoryMarshal.Write(bytes, header);
        payload.CopyTo(bytes.AsSpan(MessageHeader.Length));
        Check(request, _channel.Send(bytes, descriptors));
    }

    /// <summary>Sends bytes as they are, whole messages or not: how a back end takes what it should not is for tests to find out.</summary>
    /// <param name="bytes">The bytes.</param>
    /// <param name="descriptors">The descriptors that go with the first of them.</param>
    /// <returns>Whether the back end took all of them in time.</returns>
    public bool SendRaw(ReadOnlySpan<byte> bytes, params ReadOnlySpan<SafeHandle> descriptors) => _channel.Send(bytes, descriptors) == ChannelResult.Done;

    /// <summary>Receives the reply to a message.</summary>
    internal byte[] Receive(VhostUserMessage request, Descriptors? descriptors = null)
    {
        using var own = new Descriptors(new UnclosedDescriptors());
        descriptors ??= own;
        if (!Waiting.ForInput(_socket.SafeHandle, _never, _timeout))
        {
            throw new VhostUserException(request, "the back end does not answer");
        }

        Check(request, _channel.ReceiveHeader(out MessageHeader header, descriptors));
        if (header.Request != request || header.Flags != (MessageHeader.Version | MessageHeader.ReplyFlag) || header.PayloadLength > MessageRule.LongestPayload)
        {
            throw new VhostUserException(request, $"what came is no reply to it: {(uint)header.Request}, flags 0x{header.Flags:x}, {header.PayloadLength} bytes");
        }

        byte[] payload = new byte[header.PayloadLength];
        Check(request, _channel.ReceivePayload(payload, descriptors));
        return payload;
    }

    /// <summary>Waits until the back end closes the connection; whatever it still sends is dropped.</summary>
    /// <returns>Whether it did in time.</returns>
    public bool WaitForClose()
    {
        Span<byte> rest = stackalloc byte[64];
        while (true)
        {
            if (!Waiting.ForInput(_socket.SafeHandle, _never, _timeout))
            {
                return false;
            }

            try
            {
                if (_socket.Receive(rest) == 0)
                {
                    return true;
                }
            }
            catch (SocketException)
            {
                return true;
            }
        }
    }

    /// <summary>Sends a message without a reply of its own, and waits for its acknowledgement if that is agreed on.</summary>
    private void Command(VhostUserMessage request, ReadOnlySpan<byte> payload = default, params ReadOnlySpan<SafeHandle> descriptors)
    {
        bool acknowledged = (ProtocolFeatures & VhostUserProtocolFeatures.ReplyAcknowledge) != 0;
        Send(request, payload, acknowledged ? MessageHeader.Version | MessageHeader.NeedReplyFlag : MessageHeader.Version, descriptors);
        if (acknowledged && MemoryMarshal.Read<ulong>(Receive(request)) is not 0 and ulong status)
        {
            throw new VhostUserException(request, $"the back end refused it ({status})");
        }
    }

    private void Command(VhostUserMessage request, ulong value)
    {
        Span<byte> payload = stackalloc byte[sizeof(ulong)];
        MemoryMarshal.Write(payload, value);
        Command(request, payload);
    }

    private ulong Ask(VhostUserMessage request)
    {
        Send(request);
        return MemoryMarshal.Read<ulong>(Receive(request));
    }

    private static void Check(VhostUserMessage request, ChannelResult result)
    {
        if (result != ChannelResult.Done)
        {
            throw new VhostUserException(request, result == ChannelResult.TimedOut ? "the back end does not answer" : "the back end closed the connection");
        }
    }
}
