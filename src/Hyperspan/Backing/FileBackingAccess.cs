namespace Hyperspan;

/// <summary>What a <see cref="FileBacking"/> does with its file.</summary>
public enum FileBackingAccess : byte
{
    /// <summary>The memory can be read only; the file needs to be open for reading.</summary>
    Read,

    /// <summary>Writes go to the file; it needs to be open for reading and writing.</summary>
    ReadWrite,

    /// <summary>
    /// Writes stay in this process, page by page (copy on write); the file needs to be open for reading, and is never changed.
    /// It must not be changed by others either: whether such a change shows is unspecified (mmap(2), <c>MAP_PRIVATE</c>).
    /// </summary>
    CopyOnWrite,
}
