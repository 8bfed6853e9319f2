using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Hyperspan.Tool.Metrics;

/// <summary>Where the figures of a process that serves can be read.</summary>
internal sealed class MetricsAddress
{
    internal const string Form = "ADDRESS:PORT, such as 127.0.0.1:9464, or unix:PATH";

    private const string Unix = "unix:";
    private const string Tcp = "tcp:";

    private MetricsAddress(EndPoint endPoint, string? path)
    {
        EndPoint = endPoint;
        Path = path;
    }

    internal EndPoint EndPoint { get; }

    /// <summary>Gets the name of the Unix socket, if it is one.</summary>
    internal string? Path { get; }

    /// <summary>Reads <c>unix:PATH</c>, <c>HOST:PORT</c> or <c>tcp:HOST:PORT</c>, where the host is an address, <c>localhost</c>, or <c>*</c> for all of this machine.</summary>
    internal static bool TryParse(string text, [NotNullWhen(true)] out MetricsAddress? address)
    {
        address = null;
        if (text.StartsWith(Unix, StringComparison.Ordinal))
        {
            address = UnixAt(text[Unix.Length..]);
            return address is not null;
        }

        string place = text.StartsWith(Tcp, StringComparison.Ordinal) ? text[Tcp.Length..] : text;
        int colon = place.LastIndexOf(':');
        if (colon <= 0 || !ushort.TryParse(place.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort port))
        {
            return false;
        }

        IPAddress? host = place[..colon] switch
        {
            "localhost" => IPAddress.Loopback,
            "*" => Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any,
            string name when name.StartsWith('[') && name.EndsWith(']') && IPAddress.TryParse(name[1..^1], out IPAddress? found) => found,
            string name when !name.Contains(':', StringComparison.Ordinal) && IPAddress.TryParse(name, out IPAddress? found) => found,
            _ => null,
        };
        address = host is null ? null : new MetricsAddress(new IPEndPoint(host, port), path: null);
        return address is not null;
    }

    public override string ToString() => Path is null ? EndPoint.ToString()! : Unix + Path;

    private static MetricsAddress? UnixAt(string path)
    {
        try
        {
            return path.Length == 0 ? null : new MetricsAddress(new UnixDomainSocketEndPoint(path), path);
        }
        catch (ArgumentException)
        {
            return null;
        }
    }
}
