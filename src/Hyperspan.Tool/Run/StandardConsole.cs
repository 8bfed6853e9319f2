using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;

namespace Hyperspan.Tool.Run;

/// <summary>
/// The standard streams. A terminal is made raw, but for the keys that make signals, and put back as it was, also where the process ends by a failure. Stopped by Ctrl-Z it
/// leaves the terminal as it was, and makes it raw again when it goes on in the foreground. In the background it runs on, and leaves the terminal alone: it is the shell's.
/// A stream that the process was started without has ended, and leads nowhere.
/// </summary>
internal sealed unsafe class StandardConsole : IConsoleEndPoint
{
    private const int Input = ProcessStart.Input;

    // struct termios: four words of flags, of which the last are the local ones. ISIG.
    private const int LocalFlags = 12;
    private const byte SignalKeys = 1;
    private const int AfterOutput = 1;

    private static readonly TimeSpan Beat = TimeSpan.FromMilliseconds(100);

    private readonly Stream _output = ProcessStart.IsOpen(ProcessStart.Output) ? Console.OpenStandardOutput() : Stream.Null;
    private readonly Stream _input = ProcessStart.IsOpen(Input) ? Console.OpenStandardInput() : Stream.Null;
    private readonly EventHandler _atExit;
    private readonly UnhandledExceptionEventHandler _atCrash;
    private readonly PosixSignalRegistration[] _signals = [];
    private readonly Lock _gate = new();
    private byte[]? _before;
    private bool _isRaw;
    private volatile bool _isEnded;

    internal StandardConsole()
    {
        _atExit = (_, _) => Restore();
        _atCrash = (_, _) => Restore();
        if (OperatingSystem.IsWindows() || _input == Stream.Null || LibC.IsTerminal(Input) == 0)
        {
            return;
        }

        AppDomain.CurrentDomain.ProcessExit += _atExit;
        AppDomain.CurrentDomain.UnhandledException += _atCrash;
        _signals = [PosixSignalRegistration.Create(PosixSignal.SIGTSTP, OnStop), PosixSignalRegistration.Create(PosixSignal.SIGCONT, OnContinue)];

        // Who reads in the background gets an error, and is not stopped: a signal to end would find the process stopped again before it has ended.
        Answer(LinuxConstants.SIGTTIN, LinuxConstants.SIG_IGN);
        MakeRaw();
    }

    /// <summary>Whether the terminal is this process's to change: who changes it in the background is stopped.</summary>
    private static bool IsInForeground
    {
        get
        {
            int group = LibC.GetForegroundGroup(Input);
            return group < 0 || group == LibC.GetProcessGroup();
        }
    }

    public void Write(ReadOnlySpan<byte> data)
    {
        try
        {
            _output.Write(data);
            _output.Flush();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Closed or full: the guest runs on.
        }
    }

    public int Read(Span<byte> data)
    {
        for (int failures = 0; ; failures++)
        {
            try
            {
                return _input.Read(data);
            }
            catch (IOException) when (_signals.Length > 0 && failures < 2)
            {
                while (!IsInForeground && !_isEnded)
                {
                    failures = 0;
                    Thread.Sleep(Beat);
                }

                MakeRaw();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return 0;
            }
        }
    }

    /// <summary>Puts the terminal back. From any thread, any number of times.</summary>
    internal void Restore()
    {
        lock (_gate)
        {
            _isEnded = true;
            PutBack();
        }
    }

    private void MakeRaw()
    {
        lock (_gate)
        {
            if (_isEnded || !IsInForeground)
            {
                return;
            }

            byte* mode = stackalloc byte[LibC.TerminalModeLength];
            var bytes = new Span<byte>(mode, LibC.TerminalModeLength);
            bytes.Clear();

            // SAFETY: room for the structure, whose size is below the constant.
            if (LibC.GetTerminalMode(Input, mode) == 0)
            {
                // Stopped by what cannot be caught, the process has not put it back.
                _before = _isRaw ? _before : bytes.ToArray();
                LibC.MakeRaw(mode);
                mode[LocalFlags] |= SignalKeys;
                _isRaw = LibC.SetTerminalMode(Input, AfterOutput, mode) == 0;
            }
        }
    }

    private void PutBack()
    {
        if (_isRaw && IsInForeground)
        {
            fixed (byte* mode = _before)
            {
                // SAFETY: as the kernel gave it.
                _ = LibC.SetTerminalMode(Input, AfterOutput, mode);
            }

            _isRaw = false;
        }
    }

    private void OnStop(PosixSignalContext context)
    {
        context.Cancel = true;
        lock (_gate)
        {
            PutBack();

            // The system's own answer, which is none where nobody could have the process go on (a group without a shell). To this thread, which stops inside the call: a signal to
            // the process may be taken by another thread, later, when this one has made the terminal raw again.
            SignalAction runtime = Answer(LinuxConstants.SIGTSTP, LinuxConstants.SIG_DFL);
            _ = LibC.Tgkill(Environment.ProcessId, LibC.GetTid(), LinuxConstants.SIGTSTP);

            // SAFETY: a structure of this stack.
            _ = LibC.SigAction(LinuxConstants.SIGTSTP, &runtime, null);
        }

        MakeRaw();
    }

    /// <summary>Has the system answer a signal.</summary>
    /// <returns>What was there.</returns>
    private static SignalAction Answer(int signal, int how)
    {
        var action = new SignalAction { Handler = how };
        SignalAction before = default;

        // SAFETY: structures of this stack.
        _ = LibC.SigAction(signal, &action, &before);
        return before;
    }

    private void OnContinue(PosixSignalContext context)
    {
        // Nor does the runtime change the terminal.
        context.Cancel = true;
        MakeRaw();
    }

    public void Dispose()
    {
        Restore();
        Array.ForEach(_signals, static signal => signal.Dispose());
        if (_signals.Length > 0)
        {
            Answer(LinuxConstants.SIGTTIN, LinuxConstants.SIG_DFL);
        }

        AppDomain.CurrentDomain.ProcessExit -= _atExit;
        AppDomain.CurrentDomain.UnhandledException -= _atCrash;
        _output.Dispose();
    }
}
