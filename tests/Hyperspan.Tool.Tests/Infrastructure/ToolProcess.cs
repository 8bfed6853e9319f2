using System.Collections.Concurrent;
using System.Diagnostics;

namespace Hyperspan.Tool.Tests.Infrastructure;

/// <summary>The built command in a child process, as a user starts it.</summary>
public sealed class ToolProcess : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(3);

    private readonly Process _process;
    private readonly ConcurrentQueue<string> _output = new();
    private readonly ConcurrentQueue<string> _error = new();

    private ToolProcess(IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment, string? program = null)
    {
        // A signal that the parent of the tests ignores would be ignored by the command as well.
        var start = new ProcessStartInfo("env")
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        start.ArgumentList.Add("--default-signal");
        start.ArgumentList.Add(program ?? "dotnet");
        if (program is null)
        {
            start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "Hyperspan.Tool.dll"));
        }

        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        foreach (string name in (string[])["COLUMNS", "NO_COLOR", "HYPERSPAN_GUARD"])
        {
            start.Environment.Remove(name);
        }

        foreach ((string name, string value) in environment ?? new Dictionary<string, string>(StringComparer.Ordinal))
        {
            start.Environment[name] = value;
        }

        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, e) => Enqueue(_output, e.Data);
        _process.ErrorDataReceived += (_, e) => Enqueue(_error, e.Data);
        _process.Start();
        _process.StandardInput.Close();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public int Id => _process.Id;

    /// <summary>Gets what it has written to standard error so far.</summary>
    public string Log => string.Join('\n', _error);

    public bool HasExited => _process.HasExited;

    public static ToolResult Run(params string[] arguments) => Run(environment: null, arguments);

    public static ToolResult Run(IReadOnlyDictionary<string, string>? environment, params string[] arguments)
    {
        using var tool = new ToolProcess(arguments, environment);
        return tool.WaitForExit();
    }

    public static ToolProcess Start(params string[] arguments) => new(arguments, environment: null);

    public static ToolProcess StartWith(IReadOnlyDictionary<string, string> environment, params string[] arguments) => new(arguments, environment);

    /// <summary>Starts a published program instead of the one that the build has put beside the tests.</summary>
    public static ToolProcess StartProgram(string program, params string[] arguments) => new(arguments, environment: null, program);

    public static ToolProcess StartIn(string temporaryFolder, params string[] arguments) =>
        new(arguments, new Dictionary<string, string>(StringComparer.Ordinal) { ["TMPDIR"] = temporaryFolder });

    /// <summary>Sends a signal, by the number that every architecture of Linux gives it.</summary>
    public void Signal(int number)
    {
        using var kill = Process.Start("kill", [$"-{number}", $"{Id}"]);
        kill.WaitForExit();
        kill.ExitCode.ShouldBe(0);
    }

    public ToolResult WaitForExit()
    {
        if (!_process.WaitForExit(Timeout))
        {
            _process.Kill();
            throw new TimeoutException($"The command did not end:\n{string.Join('\n', _output)}\n{string.Join('\n', _error)}");
        }

        // Once more without a limit: then all of the output has been read.
        _process.WaitForExit();
        return new ToolResult(_process.ExitCode, string.Join('\n', _output), string.Join('\n', _error));
    }

    /// <summary>Waits for a condition, or fails with what the command has said.</summary>
    public void WaitUntil(Func<bool> condition)
    {
        var clock = Stopwatch.StartNew();
        while (!condition())
        {
            if (_process.HasExited || clock.Elapsed > Timeout)
            {
                throw new InvalidOperationException($"It did not come about:\n{string.Join('\n', _output)}\n{string.Join('\n', _error)}");
            }

            Thread.Sleep(10);
        }
    }

    /// <summary>Waits for a line on standard error, where the log is.</summary>
    public void WaitForOutput(string part) => WaitUntil(() => _output.Any(line => line.Contains(part, StringComparison.Ordinal)));

    public void WaitForLog(string part) => WaitUntil(() => _error.Any(line => line.Contains(part, StringComparison.Ordinal)));

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    private static void Enqueue(ConcurrentQueue<string> lines, string? line)
    {
        if (line is not null)
        {
            lines.Enqueue(line);
        }
    }
}
