using System.Net;
using System.Net.Sockets;

namespace Hyperspan.VhostUser.Interop;

/// <summary>The address of a Unix socket whose name a closed <see cref="Socket"/> does not remove by itself: it would not look whose file it is by then.</summary>
internal sealed class KeptNameEndPoint(UnixDomainSocketEndPoint address) : EndPoint
{
    public override AddressFamily AddressFamily => address.AddressFamily;

    public override SocketAddress Serialize() => address.Serialize();

    public override EndPoint Create(SocketAddress socketAddress) => address.Create(socketAddress);
}
