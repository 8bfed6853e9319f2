using System.Net.Sockets;
using Hyperspan.Interop.Linux;
using Hyperspan.Interop.Windows;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan;

/// <summary>The other end of a transfer: a file at an offset, a socket, or a stream, whose exceptions are its own.</summary>
internal readonly record struct TransferEnd(SafeFileHandle? File, Socket? Socket, ulong Offset, Stream? Stream = null)
{
    internal (int Count, int Errno) Read(Span<byte> destination, ulong done)
    {
        if (Stream is not null)
        {
            return (Stream.Read(destination), 0);
        }

        try
        {
            return (File is null ? Socket!.Receive(destination) : RandomAccess.Read(File, destination, (long)(Offset + done)), 0);
        }
        catch (Exception e) when (e is IOException or SocketException or UnauthorizedAccessException or NotSupportedException)
        {
            return (0, ErrorOf(e));
        }
    }

    internal (int Count, int Errno) Write(ReadOnlySpan<byte> source, ulong done)
    {
        if (Stream is not null)
        {
            Stream.Write(source);
            return (source.Length, 0);
        }

        try
        {
            if (File is null)
            {
                return (Socket!.Send(source), 0);
            }

            RandomAccess.Write(File, source, (long)(Offset + done));
            return (source.Length, 0);
        }
        catch (Exception e) when (e is IOException or SocketException or UnauthorizedAccessException or NotSupportedException)
        {
            return (0, ErrorOf(e));
        }
    }

    internal async ValueTask<(int Count, int Errno)> ReadAsync(Memory<byte> destination, CancellationToken cancellationToken)
    {
        if (Stream is not null)
        {
            return (await Stream.ReadAsync(destination, cancellationToken).ConfigureAwait(false), 0);
        }

        try
        {
            return (await Socket!.ReceiveAsync(destination, cancellationToken).ConfigureAwait(false), 0);
        }
        catch (SocketException e)
        {
            return (0, ErrorOf(e));
        }
    }

    internal async ValueTask<(int Count, int Errno)> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken)
    {
        if (Stream is not null)
        {
            await Stream.WriteAsync(source, cancellationToken).ConfigureAwait(false);
            return (source.Length, 0);
        }

        try
        {
            return (await Socket!.SendAsync(source, cancellationToken).ConfigureAwait(false), 0);
        }
        catch (SocketException e)
        {
            return (0, ErrorOf(e));
        }
    }

    // What the runtime keeps of the system's error; of Windows' errors a result of theirs. EIO, or what is most like it, where it keeps none.
    private static int ErrorOf(Exception e)
    {
        if (e is SocketException socket)
        {
            return socket.NativeErrorCode;
        }

        if (e is NotSupportedException)
        {
            // A pipe has no place to begin at.
            return OperatingSystem.IsWindows() ? WindowsError.NotSupported : ErrorNumber.IllegalSeek;
        }

        return OperatingSystem.IsWindows() ? WindowsError.FromResult(e.HResult) ?? WindowsError.GeneralFailure
            : e.HResult is > 0 and < 4096 ? e.HResult : ErrorNumber.InputOutput;
    }
}
