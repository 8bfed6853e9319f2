namespace Hyperspan.Virtio;

/// <summary>Thrown when a file cannot be opened as a disk image. The message is one line and names the file.</summary>
public sealed class DiskImageException : IOException
{
    internal DiskImageException(DiskImageError error, string path, string reason)
        : base($"{path}: {reason}")
    {
        Error = error;
        Path = path;
    }

    /// <summary>Gets the reason.</summary>
    public DiskImageError Error { get; }

    /// <summary>Gets the path as it was given.</summary>
    public string Path { get; }
}
