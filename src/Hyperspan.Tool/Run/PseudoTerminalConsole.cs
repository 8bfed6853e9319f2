using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Tool.Run;

/// <summary>A pseudo-terminal that another program may open. What comes while nobody has it open is kept as far as the kernel does, and then dropped.</summary>
internal sealed unsafe class PseudoTerminalConsole : IConsoleEndPoint
{
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(100);

    private readonly SafeFileHandle _master;
    private bool _disposed;

    internal PseudoTerminalConsole()
    {
        int descriptor = LibC.OpenPseudoTerminal((int)(OpenFlags.ReadWrite | OpenFlags.CloseOnExec | OpenFlags.NonBlocking));
        if (descriptor < 0)
        {
            throw new IOException($"a pseudo-terminal cannot be made: {ErrorNumber.LastMessage}");
        }

        _master = new SafeFileHandle(descriptor, ownsHandle: true);
        byte* name = stackalloc byte[64];

        // SAFETY: a buffer of the length that is said.
        if (LibC.GrantPseudoTerminal(_master) != 0 || LibC.UnlockPseudoTerminal(_master) != 0 || LibC.GetPseudoTerminalName(_master, name, 64) != 0)
        {
            _master.Dispose();
            throw new IOException($"a pseudo-terminal cannot be made: {ErrorNumber.LastMessage}");
        }

        Path = Marshal.PtrToStringUTF8((nint)name)!;
    }

    internal string Path { get; }

    public void Write(ReadOnlySpan<byte> data)
    {
        fixed (byte* at = data)
        {
            // SAFETY: the span's own bytes. What does not fit is dropped.
            _ = LibC.Write(_master, at, (nuint)data.Length);
        }
    }

    public int Read(Span<byte> data)
    {
        fixed (byte* at = data)
        {
            while (!Volatile.Read(ref _disposed))
            {
                try
                {
                    // SAFETY: the span's own bytes.
                    nint count = LibC.Read(_master, at, (nuint)data.Length);
                    if (count > 0)
                    {
                        return (int)count;
                    }
                }
                catch (ObjectDisposedException)
                {
                    return 0;
                }

                // Nothing, or nobody has the other end open.
                Thread.Sleep(Patience);
            }
        }

        return 0;
    }

    public void Dispose()
    {
        Volatile.Write(ref _disposed, true);
        _master.Dispose();
    }
}
