using System.Globalization;

namespace Hyperspan.Snapshots;

/// <summary>A file without a name, for its owner alone: what it holds is a guest's.</summary>
internal static class SpillFile
{
    /// <summary>Makes one in a folder. It takes no room on the disk until something is written, and none after it was closed.</summary>
    /// <exception cref="IOException">It cannot be made.</exception>
    internal static FileStream Create(string folder)
    {
        if (UnnamedFile.TryCreate(folder) is { } unnamed)
        {
            return unnamed;
        }

        string path = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $".hyperspan.{Guid.NewGuid():n}.kept"));
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Share = FileShare.Delete, BufferSize = 0 };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        var file = new FileStream(path, options);
        try
        {
            File.Delete(path);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }
}
