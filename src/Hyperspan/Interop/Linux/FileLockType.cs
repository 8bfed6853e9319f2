namespace Hyperspan.Interop.Linux;

/// <summary><c>F_RDLCK</c> and <c>F_WRLCK</c> (fcntl(2)).</summary>
internal enum FileLockType : short
{
    Read = 0,
    Write = 1,
}
