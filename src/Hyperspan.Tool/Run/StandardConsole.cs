using Hyperspan.Interop.Linux;

namespace Hyperspan.Tool.Run;

/// <summary>The standard streams. A terminal is made raw, but for the keys that make signals, and put back as it was, also where the process ends by a failure.</summary>
internal sealed unsafe class StandardConsole : IConsoleEndPoint
{
    private const int Input = 0;

    // struct termios: four words of flags, of which the last are the local ones. ISIG.
    private const int LocalFlags = 12;
    private const byte SignalKeys = 1;
    private const int AfterOutput = 1;

    private readonly Stream _output = Console.OpenStandardOutput();
    private readonly Stream _input = Console.OpenStandardInput();
    private readonly byte[]? _before;
    private readonly EventHandler _atExit;
    private readonly UnhandledExceptionEventHandler _atCrash;
    private int _restored;

    internal StandardConsole()
    {
        _atExit = (_, _) => Restore();
        _atCrash = (_, _) => Restore();
        if (LibC.IsTerminal(Input) == 0)
        {
            return;
        }

        byte* mode = stackalloc byte[LibC.TerminalModeLength];
        var bytes = new Span<byte>(mode, LibC.TerminalModeLength);
        bytes.Clear();

        // SAFETY: room for the structure, whose size is below the constant.
        if (LibC.GetTerminalMode(Input, mode) == 0)
        {
            _before = bytes.ToArray();
            AppDomain.CurrentDomain.ProcessExit += _atExit;
            AppDomain.CurrentDomain.UnhandledException += _atCrash;
            LibC.MakeRaw(mode);
            mode[LocalFlags] |= SignalKeys;
            _ = LibC.SetTerminalMode(Input, AfterOutput, mode);
        }
    }

    public void Write(ReadOnlySpan<byte> data)
    {
        try
        {
            _output.Write(data);
            _output.Flush();
        }
        catch (IOException)
        {
            // Closed or full: the guest runs on.
        }
    }

    public int Read(Span<byte> data)
    {
        try
        {
            return _input.Read(data);
        }
        catch (IOException)
        {
            return 0;
        }
    }

    /// <summary>Puts the terminal back. From any thread, any number of times.</summary>
    internal void Restore()
    {
        if (_before is not null && Interlocked.Exchange(ref _restored, 1) == 0)
        {
            fixed (byte* mode = _before)
            {
                // SAFETY: as the kernel gave it.
                _ = LibC.SetTerminalMode(Input, AfterOutput, mode);
            }
        }
    }

    public void Dispose()
    {
        Restore();
        AppDomain.CurrentDomain.ProcessExit -= _atExit;
        AppDomain.CurrentDomain.UnhandledException -= _atCrash;
        _output.Dispose();
    }
}
