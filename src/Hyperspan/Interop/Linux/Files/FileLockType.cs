namespace Hyperspan.Interop.Linux;

/// <summary><c>F_RDLCK</c>, <c>F_WRLCK</c> and <c>F_UNLCK</c> (fcntl(2)).</summary>
internal enum FileLockType : short
{
    Read = 0,
    Write = 1,
    None = 2,
}
