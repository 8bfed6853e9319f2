using Hyperspan.Interop.Linux;

namespace Hyperspan.VhostUser.Interop;

/// <summary>Which file a path leads to, links not followed.</summary>
internal readonly record struct FileIdentity
{
    private readonly ulong _device;
    private readonly ulong _inode;

    private FileIdentity(in FileStatus status)
    {
        _device = ((ulong)status.DeviceMajor << 32) | status.DeviceMinor;
        _inode = status.Inode;
        IsSocket = status.Type == FileType.Socket;
    }

    internal bool IsSocket { get; }

    /// <summary>Asks, or gives nothing where there is no such file.</summary>
    internal static FileIdentity? Of(string path) => FileStatusCall.Of(path, followsLink: false) is { } status ? new FileIdentity(in status) : null;
}
