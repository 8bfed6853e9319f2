namespace Hyperspan.Interop.Linux;

internal static partial class LinuxConstants
{
    internal const int AF_UNIX = 1;
    internal const int SOCK_STREAM = 1;

    /// <summary>The level of control messages that belong to sockets as such.</summary>
    internal const int SOL_SOCKET = 1;

    /// <summary>A control message that carries descriptors (unix(7)).</summary>
    internal const int SCM_RIGHTS = 1;
}
