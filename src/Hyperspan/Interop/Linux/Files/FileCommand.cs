namespace Hyperspan.Interop.Linux;

/// <summary>Commands of fcntl(2).</summary>
internal enum FileCommand
{
    GetDescriptorFlags = 1,
    SetDescriptorFlags = 2,
    GetFlags = 3,
    SetFlags = 4,
    GetOpenFileLock = 36,
    SetOpenFileLock = 37,
    DuplicateCloseOnExec = 1030,
    AddSeals = 1033,
    GetSeals = 1034,
}
