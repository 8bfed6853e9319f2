using System.Net.Sockets;

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

        if (failure is SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse } || File.Exists(path))
        {
            return $"{path}: exists already; if no other instance serves there, remove it first";
        }

        string folder = Path.GetDirectoryName(Path.GetFullPath(path)) ?? "/";
        return Directory.Exists(folder)
            ? $"{path}: a socket cannot be made there: {failure.Message}"
            : $"{path}: the directory {folder} does not exist";
    }
}
