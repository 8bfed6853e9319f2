namespace Hyperspan.Interop.Linux;

/// <summary><c>S_IF…</c> (inode(7)).</summary>
internal enum FileType
{
    Directory = 0x4000,
    BlockDevice = 0x6000,
    Regular = 0x8000,
    Socket = 0xc000,
}
