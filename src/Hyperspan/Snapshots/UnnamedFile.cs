using System.Globalization;

using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Snapshots;

/// <summary>
/// Files that have no name, or none yet: however the process ends, nothing is left of them (O_TMPFILE of open(2)). For their owner alone: what they hold is a guest's.
/// </summary>
internal static class UnnamedFile
{
    private const uint OwnerAlone = 0x180;

    /// <summary>Makes one in a folder.</summary>
    /// <param name="folder">The folder: on its file system it is.</param>
    /// <returns>The file, by a name that leads to it in this process; nothing where the system or the file system has none, or /proc is not there.</returns>
    internal static FileStream? TryCreate(string folder)
    {
        if (!OperatingSystem.IsLinux() || folder.Contains('\0', StringComparison.Ordinal))
        {
            return null;
        }

        using SafeFileHandle? file = Open(folder);
        try
        {
            var options = new FileStreamOptions { Mode = FileMode.Open, Access = FileAccess.ReadWrite, Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0 };
            return file is null ? null : new FileStream(PathOf(file), options);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Whether one of a folder can be given a name, as a file system may refuse in the end: tried with an empty one, whose name is taken away again.</summary>
    internal static bool CanBeNamed(string folder, string path)
    {
        using SafeFileHandle? file = OperatingSystem.IsLinux() ? Open(folder) : null;
        if (file is null || Name(file, path) != ErrorNumber.None)
        {
            return false;
        }

        File.Delete(path);
        return true;
    }

    /// <summary>Gives one a name, which nothing may have yet.</summary>
    /// <returns>Zero, or the number of the error.</returns>
    internal static int Name(SafeFileHandle file, string path) =>
        LibC.Linkat(LinuxConstants.AT_FDCWD, PathOf(file), LinuxConstants.AT_FDCWD, path, LinuxConstants.AT_SYMLINK_FOLLOW) == 0
            ? ErrorNumber.None
            : System.Runtime.InteropServices.Marshal.GetLastPInvokeError();

    private static SafeFileHandle? Open(string folder)
    {
        int descriptor = LibC.Open(folder, LinuxConstants.O_TMPFILE | OpenFlags.ReadWrite | OpenFlags.CloseOnExec, OwnerAlone);
        return descriptor < 0 ? null : new SafeFileHandle(descriptor, ownsHandle: true);
    }

    private static string PathOf(SafeFileHandle file) => string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{file.DangerousGetHandle()}");
}
