using System.Diagnostics;

namespace Hyperspan.EndToEnd.Harness;

/// <summary>What back ends in a process of their own have in common.</summary>
internal abstract class ProcessBackend : IDiskBackend
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan StopTimeout = TimeSpan.FromMinutes(5);

    private readonly List<LeashedProcess> _processes = [];

    private protected ProcessBackend(string socketPath, string imagePath, DiskBackendOptions options)
    {
        SocketPath = socketPath;
        ImagePath = imagePath;
        Options = options;
    }

    public abstract string Name { get; }

    public string SocketPath { get; }

    public string Log => string.Join("\n", _processes.Select(process => $"-- process {process.Id}\n{process.Log}"));

    public TimeSpan ProcessorTime => Current.ProcessorTime;

    internal string ImagePath { get; }

    internal DiskBackendOptions Options { get; }

    private LeashedProcess Current => _processes[^1];

    private protected abstract (string Program, IEnumerable<string> Arguments) Command { get; }

    public async Task StartAsync()
    {
        (string program, IEnumerable<string> arguments) = Command;
        var process = LeashedProcess.Start(Name, program, arguments);
        _processes.Add(process);

        var clock = Stopwatch.StartNew();
        while (!await ListeningSockets.ContainAsync(SocketPath))
        {
            if (process.HasExited)
            {
                throw new EndToEndException($"{Name} ended with {process.ExitCode} before it listened:\n{process.Log}");
            }

            if (clock.Elapsed > StartTimeout)
            {
                throw new EndToEndException($"{Name} does not listen on {SocketPath}:\n{process.Log}");
            }

            await Task.Delay(20);
        }
    }

    public async Task SuspendAsync()
    {
        Current.Signal(Signals.Stop);
        while (!await IsStoppedAsync(Current.Id))
        {
            await Task.Delay(1);
        }
    }

    public void Resume() => Current.Signal(Signals.Continue);

    public async Task KillAsync()
    {
        Current.Signal(Signals.Kill);
        await Current.WaitForExitAsync(StopTimeout);
    }

    public async Task<int> StopAsync()
    {
        Current.Signal(Signals.Interrupt);
        return await Current.WaitForExitAsync(StopTimeout);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (LeashedProcess process in _processes)
        {
            await process.DisposeAsync();
        }
    }

    // The state of a thread follows its name in brackets; T: stopped.
    private static async Task<bool> IsStoppedAsync(int process)
    {
        foreach (string thread in Directory.EnumerateDirectories($"/proc/{process}/task"))
        {
            string stat;
            try
            {
                stat = await File.ReadAllTextAsync(Path.Combine(thread, "stat"));
            }
            catch (IOException)
            {
                // The thread ended between the two looks.
                continue;
            }

            if (stat[stat.LastIndexOf(')')..][2] != 'T')
            {
                return false;
            }
        }

        return true;
    }
}
