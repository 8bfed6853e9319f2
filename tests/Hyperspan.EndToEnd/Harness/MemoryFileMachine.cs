using System.Net.Sockets;
using System.Text.Json.Nodes;

namespace Hyperspan.EndToEnd.Harness;

/// <summary>A Linux guest in QEMU whose memory is a file of the host, and whose devices can be written to another file and read from it. For one caller at a time.</summary>
internal sealed class MemoryFileMachine : IAsyncDisposable
{
    internal const int MemoryMiB = 192;

    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(10);

    private readonly LeashedProcess _process;
    private readonly CancellationTokenSource _clock = new(Timeout);
    private GuestControl? _control;
    private QmpClient? _monitor;
    private bool _isGone;

    private MemoryFileMachine(LeashedProcess process) => _process = process;

    internal string Log => $"{_process.Log}\n-- control channel\n{_control?.Log}";

    internal QmpClient Monitor => _monitor!;

    /// <summary>Starts one.</summary>
    /// <param name="folder">Where its sockets go.</param>
    /// <param name="name">Its name, for the sockets.</param>
    /// <param name="qemu">The program.</param>
    /// <param name="memory">The file behind its memory.</param>
    /// <param name="isIncoming">Whether it waits for the state of another's devices.</param>
    internal static async Task<MemoryFileMachine> StartAsync(string folder, string name, string qemu, string memory, bool isIncoming)
    {
        string initramfs = Path.Combine(folder, "initramfs");
        if (!File.Exists(initramfs))
        {
            Initramfs.Write(initramfs, "snapshot", new Dictionary<string, string>(StringComparer.Ordinal));
        }

        string control = Path.Combine(folder, name + ".control");
        string monitor = Path.Combine(folder, name + ".monitor");
        string[] incoming = isIncoming ? ["-incoming", "defer"] : [];
        List<string> arguments =
        [
            "-M", "pc,memory-backend=memory0", "-accel", "tcg", "-cpu", "max", "-m", $"{MemoryMiB}",
            "-object", $"memory-backend-file,id=memory0,size={MemoryMiB}M,mem-path={memory},share=on",
            "-nodefaults", "-display", "none", "-vga", "none", "-no-reboot",
            "-kernel", TestBed.Kernel, "-initrd", initramfs,
            "-append", "console=ttyS0 panic=-1 loglevel=4 random.trust_cpu=on no_timer_check",
            "-serial", "stdio",
            "-chardev", $"socket,id=control,path={control},server=on,wait=on", "-serial", "chardev:control",
            "-qmp", $"unix:{monitor},server=on,wait=off",
            .. incoming,
        ];
        var machine = new MemoryFileMachine(LeashedProcess.Start("qemu", qemu, arguments));
        try
        {
            machine._control = await machine.ConnectAsync(() => GuestControl.ConnectAsync(control));
            machine._monitor = await machine.ConnectAsync(() => QmpClient.ConnectAsync(monitor));
            await machine._monitor.ExecuteAsync("migrate-set-capabilities", new JsonObject
            {
                ["capabilities"] = new JsonArray(new JsonObject { ["capability"] = "x-ignore-shared", ["state"] = true }),
            });
            return machine;
        }
        catch
        {
            await machine.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits for a line of the guest's script that begins with a word.</summary>
    internal async Task<string[]> WaitForAsync(string word)
    {
        while (true)
        {
            string line = await _control!.Lines.ReadAsync(_clock.Token);
            if (line.StartsWith("HS:MARK broken", StringComparison.Ordinal) || line.StartsWith("HS:END", StringComparison.Ordinal))
            {
                throw new EndToEndException($"the guest's memory is not as it was: {line}");
            }

            if (line.StartsWith("HS:MARK " + word, StringComparison.Ordinal))
            {
                return line.Split(' ')[1..];
            }
        }
    }

    /// <summary>Writes the state of the devices, without the memory, of a machine that is stopped.</summary>
    internal async Task SaveDevicesAsync(string path)
    {
        await Monitor.ExecuteAsync("migrate", new JsonObject { ["uri"] = $"exec:cat > {path}" });
        await WaitForMigrationAsync();
    }

    /// <summary>Reads the state of the devices, into a machine that waits for it.</summary>
    internal async Task RestoreDevicesAsync(string path)
    {
        await Monitor.ExecuteAsync("migrate-incoming", new JsonObject { ["uri"] = $"exec:cat {path}" });
        await WaitForMigrationAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_isGone)
        {
            return;
        }

        _isGone = true;
        _monitor?.Dispose();
        await _process.DisposeAsync();
        if (_control is not null)
        {
            await _control.DisposeAsync();
        }

        _clock.Dispose();
    }

    private async Task WaitForMigrationAsync()
    {
        while (true)
        {
            JsonNode? answer = await Monitor.ExecuteAsync("query-migrate");
            switch (answer?["status"]?.GetValue<string>())
            {
                case "completed":
                    return;
                case "failed":
                    throw new EndToEndException($"QEMU did not move its devices: {answer!.ToJsonString()}");
                default:
                    await Task.Delay(20, _clock.Token);
                    break;
            }
        }
    }

    private async Task<T> ConnectAsync<T>(Func<Task<T>> connect)
    {
        while (true)
        {
            if (_process.HasExited)
            {
                throw new EndToEndException($"QEMU ended with {_process.ExitCode} at its start:\n{_process.Log}");
            }

            try
            {
                return await connect();
            }
            catch (SocketException)
            {
                await Task.Delay(20, _clock.Token);
            }
        }
    }
}
