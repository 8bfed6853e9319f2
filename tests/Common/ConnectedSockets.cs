using System.Net;
using System.Net.Sockets;

namespace Hyperspan.Tests;

/// <summary>Two ends of a connection on this machine.</summary>
internal sealed class ConnectedSockets : IDisposable
{
    internal ConnectedSockets()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        Client.Connect(listener.LocalEndPoint!);
        Server = listener.Accept();
    }

    internal Socket Client { get; } = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);

    internal Socket Server { get; }

    public void Dispose()
    {
        Client.Dispose();
        Server.Dispose();
    }
}
