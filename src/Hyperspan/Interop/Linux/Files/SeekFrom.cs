namespace Hyperspan.Interop.Linux;

/// <summary><c>SEEK_…</c> (lseek(2)).</summary>
internal enum SeekFrom
{
    End = 2,
    Data = 3,
    Hole = 4,
}
