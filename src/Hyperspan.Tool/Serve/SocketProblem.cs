using System.Net.Sockets;

using Hyperspan.Interop.Linux;

namespace Hyperspan.Tool.Serve;

/// <summary>Says why a socket cannot be made.</summary>
internal static class SocketProblem
{
    // sun_path holds 108 bytes with the final zero (unix(7)).
    private const int LongestPath = 107;

    internal static string Describe(string path, Exception failure)
    {
        if (path.Length == 0)
        {
            return "--socket: the path is empty";
        }

        if (System.Text.Encoding.UTF8.GetByteCount(path) > LongestPath)
        {
            return $"{path}: too long for a socket: at most {LongestPath} bytes are possible";
        }

        if (Directory.Exists(path))
        {
            return $"{path}: is a directory, not the path of a socket to make";
        }

        if (failure is IOException)
        {
            return $"{path}: cannot be served: {failure.Message}";
        }

        if (FileStatusCall.Of(path, followsLink: true) is { Type: not FileType.Socket })
        {
            // Nothing that somebody should be told to remove: it may be an image, or a device.
            return $"{path}: exists already, and is no socket";
        }

        if (failure is SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse } || File.Exists(path))
        {
            return $"{path}: exists already; if no other instance serves there, remove it first";
        }

        string folder;
        try
        {
            folder = Path.GetDirectoryName(FullPaths.Of(path)) ?? "/";
        }
        catch (DirectoryNotFoundException e)
        {
            return e.Message;
        }

        return Directory.Exists(folder)
            ? $"{path}: a socket cannot be made there: {ReasonAt(path) ?? failure.Message}"
            : $"{path}: the directory {folder} does not exist";
    }

    /// <summary>Why no file can be made there, which an error of a socket does not always tell: a file system that is read-only. Nothing where one can be made.</summary>
    private static string? ReasonAt(string path)
    {
        try
        {
            using FileStream probe = new(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0, FileOptions.DeleteOnClose);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The message ends with the path, which is said already.
            int end = e.Message.IndexOf(" : ", StringComparison.Ordinal);
            return end < 0 ? e.Message : e.Message[..end];
        }
    }
}
