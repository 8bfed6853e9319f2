using System.Diagnostics;

namespace Hyperspan.EndToEnd.Harness;

/// <summary>
/// A child process that never outlives this one: a small shell beside it holds the other end of a pipe and kills it when the pipe
/// closes, even if this process is killed itself. What it prints is kept.
/// </summary>
internal sealed class LeashedProcess : IAsyncDisposable
{
    // What the parent of the tests ignores, the program does not.
    // The watcher kills only what is still its parent, so never a stranger that got the same number later.
    private const string Leash =
        """
        exec 3<&0
        (
            exec >/dev/null 2>&1
            cat <&3
            read -r _ _ _ parent _ < /proc/self/stat
            [ "$parent" = "$$" ] && kill -KILL "$$"
        ) &
        exec env --default-signal "$@" </dev/null 3<&-
        """;

    private readonly Process _process;
    private readonly List<string> _lines = [];
    private readonly Lock _gate = new();
    private bool _released;

    private LeashedProcess(Process process, string name)
    {
        _process = process;
        Name = name;
    }

    internal string Name { get; }

    internal int Id { get; private set; }

    internal bool HasExited => _process.HasExited;

    internal int ExitCode => _process.ExitCode;

    internal TimeSpan ProcessorTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>Standard output and standard error, line by line as they came.</summary>
    internal string Log
    {
        get
        {
            lock (_gate)
            {
                return string.Join('\n', _lines);
            }
        }
    }

    internal static LeashedProcess Start(string name, string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo("/bin/sh", ["-c", Leash, name, program, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment["NO_COLOR"] = "1";
        start.Environment["DOTNET_NOLOGO"] = "1";

        var process = new Process { StartInfo = start };
        var leashed = new LeashedProcess(process, name);
        process.OutputDataReceived += (_, line) => leashed.Keep(line.Data);
        process.ErrorDataReceived += (_, line) => leashed.Keep(line.Data);
        process.Start();
        leashed.Id = process.Id;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return leashed;
    }

    internal void Signal(int signal) => Signals.Send(Id, signal);

    /// <summary>Waits for the end and returns the exit code; one killed by signal n has 128 + n.</summary>
    /// <exception cref="TimeoutException">It did not end in time; it is still running.</exception>
    internal async Task<int> WaitForExitAsync(TimeSpan timeout)
    {
        using var cancellation = new CancellationTokenSource(timeout);
        try
        {
            await _process.WaitForExitAsync(cancellation.Token);
        }
        catch (OperationCanceledException late)
        {
            throw new TimeoutException($"{Name} did not end within {timeout.TotalSeconds:0} s", late);
        }

        Release();
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            if (!_process.HasExited)
            {
                _process.Kill(entireProcessTree: true);
                await WaitForExitAsync(TimeSpan.FromMinutes(5));
            }
        }
        finally
        {
            Release();
            _process.Dispose();
        }
    }

    private void Keep(string? line)
    {
        if (line is not null)
        {
            lock (_gate)
            {
                _lines.Add(line);
            }
        }
    }

    private void Release()
    {
        if (_released)
        {
            return;
        }

        _released = true;
        try
        {
            _process.StandardInput.Close();
        }
        catch (IOException)
        {
            // The watcher is gone already: nothing holds the other end.
        }
    }
}
