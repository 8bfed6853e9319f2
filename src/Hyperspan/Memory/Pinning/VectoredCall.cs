using System.Runtime.InteropServices;
using Hyperspan.Interop.Linux;
using Hyperspan.Interop.Windows;

namespace Hyperspan;

/// <summary>One call of the system that moves bytes between pinned pieces of memory and a file or a socket: as many as it takes at once.</summary>
internal static unsafe class VectoredCall
{
    /// <summary>Gets a value indicating whether one call takes many pieces. Elsewhere it is given the first alone.</summary>
    internal static bool TakesMany => OperatingSystem.IsLinux();

    /// <summary>Moves bytes by preadv(2) and the like. Neither tries again what was interrupted, nor waits for a socket.</summary>
    /// <param name="end">The file or the socket.</param>
    /// <param name="vectors">The pieces.</param>
    /// <param name="count">How many there are, one at least.</param>
    /// <param name="done">How many bytes were moved before.</param>
    /// <param name="access"><see cref="AccessType.Write"/> where memory is written.</param>
    /// <returns>The bytes moved, zero at the end of a file or stream; or an error.</returns>
    internal static (nint Moved, int Error) MoveMany(in TransferEnd end, IoVector* vectors, int count, ulong done, AccessType access)
    {
        count = Math.Min(count, LinuxConstants.IOV_MAX);
        long offset = (long)(end.Offset + done);
        nint moved = (end.File, access) switch
        {
            ({ } file, AccessType.Write) => LibC.Preadv(file, vectors, count, offset),
            ({ } file, _) => LibC.Pwritev(file, vectors, count, offset),
            (null, AccessType.Write) => LibC.Readv(end.Socket!.SafeHandle, vectors, count),
            _ => LibC.Writev(end.Socket!.SafeHandle, vectors, count),
        };
        return moved < 0 ? (0, Marshal.GetLastPInvokeError()) : (moved, 0);
    }

    /// <summary>Moves bytes of one piece by what the runtime has; see <see cref="MoveMany"/>. The runtime does not look at them: it hands the address to the system.</summary>
    internal static (nint Moved, int Error) MoveOne(in TransferEnd end, IoVector* vector, ulong done, AccessType access)
    {
        // SAFETY: pinned for as long as the transfer runs.
        int length = (int)Math.Min(vector->Length, int.MaxValue);
        return access == AccessType.Write
            ? end.Read(new Span<byte>((void*)vector->Address, length), done)
            : end.Write(new ReadOnlySpan<byte>((void*)vector->Address, length), done);
    }

    /// <summary>Whether an error says that memory could not be accessed.</summary>
    internal static bool IsBadAddress(int error) =>
        OperatingSystem.IsWindows() ? error is WindowsError.NoAccess or WindowsError.SocketBadAddress : error == ErrorNumber.BadAddress;
}
