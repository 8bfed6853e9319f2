using System.Runtime.InteropServices;
using Hyperspan.Interop.Windows;

namespace Hyperspan;

/// <summary>How a transfer between a file or socket and guest memory ended.</summary>
public readonly record struct FileTransfer
{
    /// <summary>Initializes a new instance of the <see cref="FileTransfer"/> struct.</summary>
    /// <param name="transferred">The bytes that were transferred, counted from the start; exact where the transfer failed, too.</param>
    /// <param name="requested">The bytes that were asked for.</param>
    /// <param name="errorNumber">The system's error number, or zero.</param>
    /// <param name="endOfFile">Whether the file or the stream ended first.</param>
    /// <param name="fault">The guest memory's fault, where that is what failed.</param>
    public FileTransfer(ulong transferred, ulong requested, int errorNumber, bool endOfFile, GuestMemoryFault fault)
    {
        Transferred = transferred;
        Requested = requested;
        ErrorNumber = errorNumber;
        EndOfFile = endOfFile;
        Fault = fault;
    }

    /// <summary>Gets the bytes that were transferred, counted from the start; exact where the transfer failed, too.</summary>
    public ulong Transferred { get; internal init; }

    /// <summary>Gets the bytes that were asked for.</summary>
    public ulong Requested { get; internal init; }

    /// <summary>Gets the system's error number, or zero.</summary>
    public int ErrorNumber { get; }

    /// <summary>Gets a value indicating whether the file or the stream ended first.</summary>
    public bool EndOfFile { get; }

    /// <summary>Gets the guest memory's fault, where that is what failed.</summary>
    public GuestMemoryFault Fault { get; internal init; }

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
