namespace Hyperspan.VhostUser.Interop;

/// <summary>What a path leads to.</summary>
internal static unsafe class FileKind
{
    private const int CurrentDirectory = -100;
    private const int DoNotFollow = 0x100;
    private const uint TypeWanted = 0x1;
    private const int StatusLength = 256;
    private const int ModeOffset = 28;
    private const int TypeMask = 0xf000;
    private const int SocketType = 0xc000;

    internal static bool IsSocket(string path)
    {
        byte* status = stackalloc byte[StatusLength];

        // SAFETY: 256 bytes, the size of struct statx on every architecture.
        return LibC.GetFileStatus(CurrentDirectory, path, DoNotFollow, TypeWanted, status) == 0
            && (*(ushort*)(status + ModeOffset) & TypeMask) == SocketType;
    }
}
