namespace Hyperspan.Interop.Linux;

/// <summary>Commands of fcntl(2).</summary>
internal enum FileCommand
{
    GetFlags = 3,
    DuplicateCloseOnExec = 1030,
    AddSeals = 1033,
    GetSeals = 1034,
}
