using System.Runtime.InteropServices;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Interop.Linux;

/// <summary>Opens what a path leads to, and does not wait for whatever that may be: the other end of a pipe, a line of a terminal.</summary>
internal static class FileOpening
{
    /// <summary>Opens a file that is there.</summary>
    /// <param name="path">The path.</param>
    /// <param name="access">What the file is to be used for.</param>
    /// <returns>The file, or what else is there and is no directory. On other systems than Linux, as .NET opens it.</returns>
    /// <exception cref="ArgumentException">The path is empty, or has a null character in it.</exception>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be opened so, or is a directory.</exception>
    /// <exception cref="IOException">The system refused otherwise.</exception>
    internal static SafeFileHandle Open(string path, FileAccess access) => Open(path, access, out _);

    /// <summary>Opens a regular file that is there for reading.</summary>
    /// <param name="path">The path.</param>
    /// <param name="length">Its length in bytes.</param>
    /// <returns>The file.</returns>
    /// <exception cref="ArgumentException">The path is empty, or has a null character in it.</exception>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read, or is a directory.</exception>
    /// <exception cref="IOException">It is no regular file, or the system refused otherwise.</exception>
    internal static SafeFileHandle OpenRegular(string path, out long length)
    {
        SafeFileHandle file = Open(path, FileAccess.Read, out FileStatus? status);
        try
        {
            if (status is { Type: not FileType.Regular })
            {
                throw new IOException($"{path}: is no regular file");
            }

            length = status is { } known ? (long)known.Size : RandomAccess.GetLength(file);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Says where a file itself is: without the links that lead to it, nor to a folder on the way.</summary>
    /// <param name="path">A path.</param>
    /// <returns>The full path. Where nothing is there, or what is cannot be looked at: the path, made a full one.</returns>
    internal static unsafe string PlaceOf(string path)
    {
        if (OperatingSystem.IsLinux())
        {
            byte* resolved = stackalloc byte[LinuxConstants.PATH_MAX];

            // SAFETY: as many bytes as the call may write.
            if (LibC.Realpath(path, resolved) != 0)
            {
                return Marshal.PtrToStringUTF8((nint)resolved)!;
            }
        }
        else if (new FileInfo(path) is { LinkTarget: not null } link)
        {
            return link.ResolveLinkTarget(returnFinalTarget: true)!.FullName;
        }

        return FullPaths.Of(path);
    }

    private static SafeFileHandle Open(string path, FileAccess access, out FileStatus? status)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        status = null;
        if (!OperatingSystem.IsLinux())
        {
            return File.OpenHandle(path, FileMode.Open, access, FileShare.ReadWrite | FileShare.Delete);
        }

        if (path.Contains('\0', StringComparison.Ordinal))
        {
            throw new ArgumentException("A path has no null character in it.", nameof(path));
        }

        // Without waiting, which for a regular file means nothing.
        int descriptor = LibC.Open(path, (access == FileAccess.Read ? OpenFlags.ReadOnly : OpenFlags.ReadWrite) | OpenFlags.CloseOnExec | OpenFlags.NonBlocking);
        if (descriptor < 0)
        {
            int error = Marshal.GetLastPInvokeError();
            throw error switch
            {
                ErrorNumber.NoEntry => new FileNotFoundException($"{path}: there is no such file", path),
                ErrorNumber.AccessDenied or ErrorNumber.NotPermitted =>
                    new UnauthorizedAccessException($"{path}: may not be {(access == FileAccess.Read ? "read" : "written")}"),
                ErrorNumber.NoAddress => new IOException($"{path}: is a socket, or a device that is not there"),
                ErrorNumber.IsDirectory => new UnauthorizedAccessException($"{path}: is a directory"),
                _ => new IOException($"{path}: {Marshal.GetPInvokeErrorMessage(error)}", error),
            };
        }

        var file = new SafeFileHandle(descriptor, ownsHandle: true);
        status = FileStatusCall.Of(file);
        if (status is { Type: FileType.Directory })
        {
            file.Dispose();
            throw new UnauthorizedAccessException($"{path}: is a directory");
        }

        return file;
    }
}
