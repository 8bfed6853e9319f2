using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Snapshots;

/// <summary>Files that are read at offsets, and places for files.</summary>
internal static class RegularFile
{
    /// <summary>Reads all of a part of a file. Fails where it ends before.</summary>
    internal static bool TryReadAt(SafeFileHandle file, ulong offset, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            int read = RandomAccess.Read(file, destination, (long)offset);
            if (read == 0)
            {
                return false;
            }

            destination = destination[read..];
            offset += (ulong)read;
        }

        return true;
    }

    /// <summary>A write that failed for the length the file would have got (EFBIG), of which .NET makes an argument that nobody gave. Nothing for other errors.</summary>
    /// <param name="error">The error.</param>
    /// <param name="path">The path of the file.</param>
    internal static IOException? OfLength(Exception error, string path) =>
        error is ArgumentOutOfRangeException { ParamName: "value" } ? new IOException($"File too large : '{path}'", error) : null;

    /// <summary>Refuses a place at which one of some files is: what is read must not be replaced by what becomes of it. Links of both kinds are followed.</summary>
    /// <param name="path">The place.</param>
    /// <param name="read">Files, which may be closed ones.</param>
    /// <param name="what">What it would be, for the message.</param>
    /// <exception cref="ArgumentException">It is one of them.</exception>
    internal static void RequireOther(string path, IEnumerable<SafeFileHandle> read, string what)
    {
        if (FileStatusCall.Of(path, followsLink: true) is not { } there)
        {
            return;
        }

        foreach (SafeFileHandle file in read)
        {
            if (FileDescriptors.Status(file).IsSameFile(in there))
            {
                throw new ArgumentException($"{path}: {what}", nameof(path));
            }
        }
    }

    /// <summary>Whether a regular file is at a place, or nothing, so that one can be put there.</summary>
    /// <exception cref="IOException">Something else is there, or the folder is not.</exception>
    internal static void RequireReplaceable(string path)
    {
        if (Directory.Exists(path))
        {
            throw new IOException($"{path}: is a directory");
        }

        string full = FullPaths.Of(path);
        if (!Directory.Exists(Path.GetDirectoryName(full)))
        {
            throw new DirectoryNotFoundException($"{path}: the folder does not exist");
        }

        if (FileStatusCall.Of(path, followsLink: true) is { Type: not FileType.Regular })
        {
            throw new IOException($"{path}: is no regular file");
        }
    }
}
