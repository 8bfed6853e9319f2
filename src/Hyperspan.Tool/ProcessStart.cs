using Hyperspan.Interop.Linux;
using Hyperspan.Tool.Output;

namespace Hyperspan.Tool;

/// <summary>What a process is started with, looked at before anything else is: it uses next to nothing of .NET.</summary>
internal static unsafe class ProcessStart
{
    /// <summary>The fewest open files with which each command works: .NET opens its assemblies, events and sockets.</summary>
    private const ulong FewestOpenFiles = 128;

    /// <summary>Standard input.</summary>
    internal const int Input = 0;

    /// <summary>Standard output.</summary>
    internal const int Output = 1;

    private const int CloseOnExec = 1;
    private const int Error = 2;
    private const int AccessMode = 3;

    /// <summary>Whether the process can run; otherwise the reason has been written.</summary>
    internal static bool IsUsable()
    {
        if (!OperatingSystem.IsLinux())
        {
            return true;
        }

        ulong* limits = stackalloc ulong[2];

        // SAFETY: struct rlimit is two numbers of 8 bytes, on this stack.
        if (LibC.Getrlimit(LinuxConstants.RLIMIT_NOFILE, limits) == 0 && limits[0] < FewestOpenFiles)
        {
            ReadOnlySpan<byte> text = "hyperspan: too few open files are allowed: at least 128 are needed (ulimit -n 128)\n"u8;
            fixed (byte* first = text)
            {
                // SAFETY: the text is a constant, pinned meanwhile. No descriptor of .NET's own is written to: so early it has none that can be.
                LibC.Write(Error, first, (nuint)text.Length);
            }

            return false;
        }

        // A file that would become longer than is allowed (ulimit -f) is a write that fails, as on a full disk, and not the end of the process.
        var ignored = new SignalAction { Handler = LinuxConstants.SIG_IGN };
        _ = LibC.SigAction(LinuxConstants.SIGXFSZ, &ignored, null);
        SilenceClosedStreams();
        return true;
    }

    /// <summary>
    /// A standard stream that was closed at the start is by now a file of the runtime's own, which must not be written to. Those alone are closed on exec: what is
    /// inherited never is. One that is open for reading alone cannot be.
    /// </summary>
    private static void SilenceClosedStreams()
    {
        if (!IsOpen(Error))
        {
            Console.SetError(TextWriter.Null);
        }

        if (!IsOpen(Output))
        {
            Console.SetOut(TextWriter.Null);
        }
        else
        {
            StandardOutput.Install();
        }
    }

    /// <summary>Whether a standard stream is one that the process was started with, and open in its direction.</summary>
    internal static bool IsOpen(int stream)
    {
        if (!OperatingSystem.IsLinux())
        {
            return true;
        }

        OpenFlags other = stream == Input ? OpenFlags.WriteOnly : OpenFlags.ReadOnly;
        return IsInherited(stream) && LibC.Fcntl(stream, FileCommand.GetFlags, 0) is >= 0 and var flags && (flags & AccessMode) != (int)other;
    }

    /// <summary>Whether a descriptor is one that the process was started with. Elsewhere than on Linux nobody can say.</summary>
    internal static bool IsInherited(int descriptor) =>
        !OperatingSystem.IsLinux() || LibC.Fcntl(descriptor, FileCommand.GetDescriptorFlags, 0) is >= 0 and var flags && (flags & CloseOnExec) == 0;
}
