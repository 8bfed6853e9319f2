using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Hyperspan.EndToEnd.Harness;

/// <summary>A Linux guest in QEMU, by software emulation, with one vhost-user-blk disk. For one caller at a time.</summary>
internal sealed partial class GuestMachine : IAsyncDisposable
{
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromSeconds(2);

    private readonly LeashedProcess _process;
    private readonly Dictionary<string, string> _results = new(StringComparer.Ordinal);
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly TimeSpan _timeout;
    private readonly string _monitorPath;
    private GuestControl? _control;
    private QmpClient? _monitor;
    private TimeSpan _nextLook = BetweenLooks;

    private GuestMachine(LeashedProcess process, string monitorPath, GuestOptions options)
    {
        _process = process;
        _monitorPath = monitorPath;
        _timeout = options.Timeout;
        Options = options;
    }

    internal GuestOptions Options { get; }

    /// <summary>The guest's console and QEMU's own messages, then the lines of the control channel.</summary>
    internal string Log => $"{_process.Log}\n-- control channel\n{_control?.Log}";

    internal static async Task<GuestMachine> StartAsync(string folder, string diskSocket, GuestOptions options, int number = 0)
    {
        string initramfs = Path.Combine(folder, "initramfs");
        string control = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"control{number}.socket"));
        string monitor = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"monitor{number}.socket"));
        Initramfs.Write(initramfs, options.Script, options.Variables);

        string memory = options.MemoryMiB.ToString(CultureInfo.InvariantCulture);
        List<string> arguments =
        [
            "-M", options.Iommu ? "q35" : "pc", "-accel", "tcg", "-cpu", "max",
            "-m", options.MemorySlots ? memory + ",slots=4,maxmem=1G" : memory,
            "-smp", options.Processors.ToString(CultureInfo.InvariantCulture),
            "-object", $"memory-backend-memfd,id=memory0,size={memory}M,share=on", "-numa", "node,memdev=memory0",
            "-nodefaults", "-display", "none", "-vga", "none", "-no-reboot",
            "-kernel", TestBed.Kernel, "-initrd", initramfs,
            "-append", $"console=ttyS0 panic=-1 loglevel=4 random.trust_cpu=on no_timer_check{(options.Iommu ? " " + options.IommuParameters : "")}",
            "-serial", "stdio",
            "-chardev", $"socket,id=control,path={control},server=on,wait=on", "-serial", "chardev:control",
            "-qmp", $"unix:{monitor},server=on,wait=off",
            .. options.Iommu ? (string[])["-device", "intel-iommu,intremap=off,device-iotlb=on"] : [],
            .. options.BehindPort ? (string[])["-device", "pcie-root-port,id=port0,chassis=1"] : [],
            "-chardev", $"socket,id=disk,path={diskSocket},reconnect=1",
            "-device", $"vhost-user-blk-pci,id=disk0,chardev=disk,num-queues={options.Queues}"
                + (options.BehindPort ? Property("bus=port0") : "")
                + $"{(options.Iommu ? Property("iommu_platform=on,ats=on,disable-legacy=on") : "")}{Property(options.DeviceProperties)}",
            .. options.Arguments,
        ];
        if (options.Incoming is not null)
        {
            arguments.AddRange(["-incoming", options.Incoming]);
        }

        var process = LeashedProcess.Start("qemu", options.Qemu ?? TestBed.Qemu, arguments);
        var machine = new GuestMachine(process, monitor, options);
        try
        {
            await machine.ConnectControlAsync(control);
            return machine;
        }
        catch
        {
            await machine.DisposeAsync();
            throw;
        }
    }

    /// <summary>The process of QEMU.</summary>
    internal int ProcessId => _process.Id;

    /// <summary>The monitor of the running machine.</summary>
    internal async Task<QmpClient> MonitorAsync() => _monitor ??= await QmpClient.ConnectAsync(_monitorPath);

    /// <summary>Sends the word that a script waits for with <c>expect</c>.</summary>
    internal Task SendAsync(string word) => _control!.SendAsync(word);

    /// <summary>Sends the guest to a machine that waits for it.</summary>
    internal async Task<MigrationFigures> MigrateAsync(string uri)
    {
        QmpClient monitor = await MonitorAsync();

        // All of memory goes once while the guest runs, and what it wrote meanwhile when it stands: each time that QEMU takes its dirty bitmap while an emulated
        // processor runs, that processor may have a page it takes for dirty already, and what it writes there is lost.
        await monitor.ExecuteAsync("migrate-set-parameters", new JsonObject { ["max-bandwidth"] = 1L << 32, ["downtime-limit"] = 0 });
        await monitor.ExecuteAsync("migrate", new JsonObject { ["uri"] = uri });
        while (true)
        {
            JsonNode state = (await monitor.ExecuteAsync("query-migrate"))!;
            switch ((string?)state["status"])
            {
                case "completed":
                    return new MigrationFigures((long)state["total-time"]!, (long)state["downtime"]!, (long)state["ram"]!["transferred"]!);
                case "failed" or "cancelled":
                    throw new EndToEndException($"the migration failed: {state.ToJsonString()}");
            }

            if (_clock.Elapsed > _timeout)
            {
                throw new EndToEndException($"the migration does not end: {state.ToJsonString()}");
            }

            await Task.Delay(20);
        }
    }

    /// <summary>A value that the script has reported so far.</summary>
    internal string Result(string name) => _results[name];

    /// <summary>Adds a line of the host to the log of the control channel.</summary>
    internal void Note(string text) => _control!.Note("(host) " + text);

    /// <summary>Waits for a line that the script writes with <c>mark</c> and that satisfies the condition; skips others.</summary>
    internal async Task<string> WaitForMarkAsync(Func<string, bool> condition, string what)
    {
        while (true)
        {
            string line = await NextLineAsync(what);
            if (line.StartsWith("HS:MARK ", StringComparison.Ordinal) && condition(line[8..]))
            {
                return line[8..];
            }

            if (line.StartsWith("HS:END", StringComparison.Ordinal))
            {
                throw new EndToEndException($"the guest's script ended while the host waited for {what}");
            }
        }
    }

    /// <summary>Waits until the script has ended and the machine is off.</summary>
    internal async Task<GuestReport> FinishAsync()
    {
        const string End = "HS:END status=";
        string line;
        do
        {
            line = await NextLineAsync("the end of the script");
        }
        while (!line.StartsWith(End, StringComparison.Ordinal));

        await SendAsync("seen");
        int exit = await _process.WaitForExitAsync(TimeSpan.FromMinutes(5));
        if (exit != 0)
        {
            throw new EndToEndException($"QEMU ended with {exit}");
        }

        return new GuestReport(int.Parse(line[End.Length..], CultureInfo.InvariantCulture), _results);
    }

    public async ValueTask DisposeAsync()
    {
        _monitor?.Dispose();
        await _process.DisposeAsync();
        if (_control is not null)
        {
            await _control.DisposeAsync();
        }
    }

    private static string Property(string? properties) => string.IsNullOrEmpty(properties) ? string.Empty : "," + properties;

    private async Task ConnectControlAsync(string path)
    {
        while (_control is null)
        {
            if (_process.HasExited)
            {
                throw new EndToEndException($"QEMU ended with {_process.ExitCode} at its start:\n{_process.Log}");
            }

            if (_clock.Elapsed > _timeout)
            {
                throw new EndToEndException($"QEMU does not listen on {path}:\n{_process.Log}");
            }

            try
            {
                _control = await GuestControl.ConnectAsync(path);
            }
            catch (System.Net.Sockets.SocketException)
            {
                await Task.Delay(20);
            }
        }
    }

    private async Task<string> NextLineAsync(string what)
    {
        try
        {
            string line = await ReadLineAsync(what);
            const string Result = "HS:RESULT ";
            int equals = line.IndexOf('=', StringComparison.Ordinal);
            if (line.StartsWith(Result, StringComparison.Ordinal) && equals > 0)
            {
                _results[line[Result.Length..equals]] = line[(equals + 1)..];
            }

            return line;
        }
        catch (System.Threading.Channels.ChannelClosedException)
        {
            ThrowIfCrashed();
            throw new EndToEndException($"the machine went away while the host waited for {what}");
        }
    }

    private async Task<string> ReadLineAsync(string what)
    {
        while (true)
        {
            if (_clock.Elapsed >= _nextLook)
            {
                ThrowIfCrashed();
                _nextLook = _clock.Elapsed + BetweenLooks;
            }

            TimeSpan left = _timeout - _clock.Elapsed;
            if (left <= TimeSpan.Zero)
            {
                throw new EndToEndException($"the host waited for {what} in vain, {_timeout.TotalSeconds:0} s are over");
            }

            using var cancellation = new CancellationTokenSource(left < BetweenLooks ? left : BetweenLooks);
            try
            {
                return await _control!.Lines.ReadAsync(cancellation.Token);
            }
            catch (OperationCanceledException)
            {
                // Nothing came: is the guest still well?
            }
        }
    }

    // Without this, what was left of a broken guest would be waited for until all its time was over.
    private void ThrowIfCrashed()
    {
        if (Crash().Match(_process.Log) is { Success: true } crash)
        {
            throw new GuestCrashException($"the guest broke: {crash.Value.Trim()}");
        }
    }

    // How Linux counts what it survived or did not; its shell names a program that touched what it does not have.
    [GeneratedRegex(@"^.*(\[#[0-9]+\]|Kernel panic|Segmentation fault).*$", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Crash();
}
