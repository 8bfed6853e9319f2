using System.Runtime.InteropServices;
using Hyperspan.Interop.Windows;

namespace Hyperspan;

/// <summary>How a transfer between a file or socket and guest memory ended.</summary>
/// <param name="Transferred">The bytes that were transferred, counted from the start; exact where the transfer failed, too.</param>
/// <param name="Requested">The bytes that were asked for.</param>
/// <param name="ErrorNumber">The system's error number, or zero.</param>
/// <param name="EndOfFile">Whether the file or the stream ended first.</param>
/// <param name="Fault">The guest memory's fault, where that is what failed.</param>
public readonly record struct FileTransfer(ulong Transferred, ulong Requested, int ErrorNumber, bool EndOfFile, GuestMemoryFault Fault)
{
    /// <summary>Gets a value indicating whether all bytes were transferred.</summary>
    public bool Succeeded => Transferred == Requested && ErrorNumber == 0 && !Fault.IsFault;

    /// <summary>Says what happened: <c>0x1000 of 0x2000 bytes transferred: end of file</c>.</summary>
    /// <returns>The text.</returns>
    public override string ToString()
    {
        string how = Fault.IsFault ? Fault.ToString()
            : ErrorNumber != 0 ? Marshal.GetPInvokeErrorMessage(ErrorNumber)
            : EndOfFile ? "end of file"
            : "complete";
        return $"0x{Transferred:x} of 0x{Requested:x} bytes transferred: {how}";
    }

    /// <summary>Throws what went wrong, if anything did.</summary>
    /// <exception cref="GuestMemoryException">The guest memory failed.</exception>
    /// <exception cref="EndOfStreamException">The file or the stream ended first.</exception>
    /// <exception cref="IOException">The system reported an error.</exception>
    public void ThrowIfFailed()
    {
        Fault.ThrowIfFault();
        if (ErrorNumber != 0)
        {
            throw new IOException(ToString(), OperatingSystem.IsWindows() ? WindowsError.ToResult(ErrorNumber) : ErrorNumber);
        }

        if (!Succeeded)
        {
            throw new EndOfStreamException(ToString());
        }
    }
}
