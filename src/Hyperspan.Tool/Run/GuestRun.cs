using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;
using Hyperspan.Kvm;
using Hyperspan.Snapshots;
using Hyperspan.Tool.Output;
using Hyperspan.Tool.Snapshots;
using Hyperspan.Virtio;

namespace Hyperspan.Tool.Run;

/// <summary>Runs a machine, and again where its guest asks to start again, until it is turned off or this process is asked to end.</summary>
internal sealed class GuestRun : IDisposable
{
    private const string ReadOnlySuffix = ",readonly";

    private readonly RunOptions _options;
    private readonly List<RawDiskImage> _images = [];
    private readonly List<IVirtioDevice> _devices = [];
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private IConsoleEndPoint? _console;
    private IConsoleEndPoint? _virtioConsole;
    private GuestMemorySnapshot? _restored;
    private Termination? _termination;
    private bool _saved;

    internal GuestRun(RunOptions options)
    {
        _options = options;
    }

    /// <summary>Runs it.</summary>
    /// <returns>The exit code.</returns>
    /// <exception cref="InvalidInputException">Something that was given cannot be used.</exception>
    internal int Run()
    {
        foreach ((string name, string? path) in (IEnumerable<(string, string?)>)
            [("--kernel", _options.Kernel), ("--initrd", _options.Initrd), ("--restore", _options.Restore), .. _options.Disks.Select(disk => ("--disk", ParseDisk(disk).Path))])
        {
            if (path?.Length == 0)
            {
                throw new InvalidInputException($"{name}: the name of the file is empty");
            }
        }

        if (_options.Save is { } place)
        {
            RequirePlace(place);
        }

        int processors = _options.Processors;
        if (_options.Restore is { } saved)
        {
            (_restored, processors) = Open(saved);
        }

        foreach (string disk in _options.Disks)
        {
            AddDisk(disk, processors);
        }

        // Every machine has one: a guest that boots has nothing else to draw from.
        _devices.Add(new VirtioEntropyDevice());
        VirtioConsoleDevice? second = _options.VirtioConsole is null ? null : new VirtioConsoleDevice();
        if (second is not null)
        {
            _devices.Add(second);
        }

        // The first machine is made before the terminal is touched: what is wrong is said on one as it was.
        VirtualMachine machine = Create();
        if (_restored is null && KvmPartition.WhyNoKernels() is { } why)
        {
            Terminal.Error($"{why}: Linux takes very long to boot here, or does not");
        }

        MachineEnd end;
        ConsolePump? pump = null;
        try
        {
            // Before the terminal is touched: a signal in between would leave it so.
            _termination = new Termination(EndAtOnce);
            _virtioConsole = _options.VirtioConsole is { } where && where != ConsoleEndPoint.Standard ? ConsoleEndPoint.Open(where) : null;
            _console = ConsoleEndPoint.Open(_options.Console);
            _virtioConsole ??= second is null ? null : ConsoleEndPoint.Open(ConsoleEndPoint.Standard);
            pump = second is null ? null : new ConsolePump(second, _virtioConsole!);
            var input = new ConsoleInput(_console);
            while (true)
            {
                input.LeadTo(machine.Console.WriteAsync);
                end = RunOnce(machine, _termination.Token);

                // What is typed from here on is for the machine after it.
                input.LeadTo(null);
                if (end.Kind != MachineEndKind.Reset || _options.NoReboot || _restored is not null)
                {
                    break;
                }

                machine.Dispose();
                machine = Create();
            }
        }
        finally
        {
            pump?.Dispose();
            RestoreTerminal();
            if (_options.Statistics)
            {
                WriteStatistics(machine);
            }

            machine.Dispose();
        }

        return Report(end);
    }

    public void Dispose()
    {
        foreach (IVirtioDevice device in _devices)
        {
            device.Dispose();
        }

        foreach (RawDiskImage image in _images)
        {
            image.Dispose();
        }

        _console?.Dispose();
        _virtioConsole?.Dispose();
        _restored?.Dispose();

        // Not before: asked once more meanwhile, the process would end without what is done here, and without the flush of the disks.
        _termination?.Dispose();
    }

    /// <summary>What shows only when the machine is to be saved would cost it.</summary>
    private void RequirePlace(string path)
    {
        if (path.Length == 0 || Directory.Exists(path) || !Directory.Exists(Path.GetDirectoryName(FullPaths.Of(path))))
        {
            throw new InvalidInputException($"--save: '{path}' is no file in a folder that exists");
        }

        if (FileStatusCall.Of(path, followsLink: true) is { Type: not FileType.Regular })
        {
            throw new InvalidInputException($"--save: '{path}' is no regular file");
        }

        try
        {
            InputFiles.RequireNewFiles(path);
        }
        catch (InvalidInputException e)
        {
            throw new InvalidInputException($"--save: {e.Message}", e);
        }

        foreach (string? used in (IEnumerable<string?>)[_options.Kernel, _options.Initrd, .. _options.Disks.Select(disk => ParseDisk(disk).Path)])
        {
            if (!string.IsNullOrEmpty(used) && InputFiles.IsSame(path, used))
            {
                throw new InvalidInputException($"--save {path}: is what the machine is made of, and would be replaced");
            }
        }
    }

    private static (string Path, bool ReadOnly) ParseDisk(string disk) =>
        disk.EndsWith(ReadOnlySuffix, StringComparison.Ordinal) ? (disk[..^ReadOnlySuffix.Length], true) : (disk, false);

    /// <summary>Opens a saved machine, and says how many processors it has: disks have queues by them.</summary>
    private static (GuestMemorySnapshot Snapshot, int Processors) Open(string path)
    {
        GuestMemorySnapshot? snapshot = null;
        try
        {
            snapshot = GuestMemorySnapshot.Open(path);
            return (snapshot, MachineLayout.Read(snapshot).ProcessorCount);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            snapshot?.Dispose();
            throw new InvalidInputException(e.Message.StartsWith(path, StringComparison.Ordinal) ? $"--restore {e.Message}" : $"--restore {path}: {e.Message}", e);
        }
    }

    /// <summary>What is not to be left behind when the process ends at once.</summary>
    private void EndAtOnce()
    {
        _console?.Dispose();
        _virtioConsole?.Dispose();
    }

    private void RestoreTerminal()
    {
        (_console as StandardConsole)?.Restore();
        (_virtioConsole as StandardConsole)?.Restore();
    }

    private static void WriteStatistics(VirtualMachine machine)
    {
        MachineStatistics statistics = machine.Statistics;
        for (int i = 0; i < statistics.Processors.Count; i++)
        {
            ProcessorStatistics of = statistics.Processors[i];
            Terminal.WriteError(string.Create(
                CultureInfo.InvariantCulture,
                $"processor {i}: {of.Entries} entries, {of.Port} port, {of.Mmio} memory-mapped, {of.Unclaimed} of them unclaimed, {of.Signals} signals, {of.Other} other"));
        }

        for (int i = 0; i < statistics.DeviceRequests.Count; i++)
        {
            Terminal.WriteError($"device {i}: {Units.Things(statistics.DeviceRequests[i], "request")}");
        }
    }

    private VirtualMachine Create()
    {
        try
        {
            return new VirtualMachine(new MachineOptions
            {
                KernelPath = _options.Kernel,
                Restore = _restored,
                InitrdPath = _options.Initrd,
                CommandLine = _options.Append,
                MemorySize = _options.Memory,
                ProcessorCount = _options.Processors,
                Devices = _devices,
                OnDeviceFailure = Terminal.Error,
            });
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or GuestMemoryMappingException or PlatformNotSupportedException)
        {
            throw new InvalidInputException(e.Message, e);
        }
    }

    private void AddDisk(string disk, int processors)
    {
        (string path, bool readOnly) = ParseDisk(disk);
        try
        {
            RawDiskImage image = RawDiskImage.Open(path, new RawDiskImageOptions { ReadOnly = readOnly, RefuseOtherFormats = true, RefuseDeviceInUse = true });
            _images.Add(image);
            _devices.Add(new VirtioBlockDevice(
                image,
                new VirtioBlockOptions
                {
                    ReadOnly = readOnly,
                    QueueCount = Math.Min(processors, 4),
                    Id = string.Create(CultureInfo.InvariantCulture, $"disk{_images.Count - 1}"),
                }));
        }
        catch (DiskImageException e)
        {
            throw new InvalidInputException(e.Message, e);
        }
    }

    private MachineEnd RunOnce(VirtualMachine machine, CancellationToken token)
    {
        using var output = new ConsoleOutput(machine.Console.ReadAsync, _console!);
        if (_options.Save is not { } path)
        {
            return machine.Run(token);
        }

        using var stop = new CancellationTokenSource();
        using (token.Register(() => _ = Task.Run(() => SaveAsync(machine, path, stop))))
        {
            return machine.Run(stop.Token);
        }
    }

    /// <summary>Asked to end: saves the machine, then stops it, saved or not.</summary>
    private async Task SaveAsync(VirtualMachine machine, string path, CancellationTokenSource stop)
    {
        try
        {
            machine.Pause();
            await machine.SaveAsync(path).ConfigureAwait(false);
            _saved = true;
        }
        catch (Exception e) when (e is IOException or KvmException or GuestMemoryException or UnauthorizedAccessException or InvalidOperationException or ArgumentException
            or TimeoutException)
        {
            Terminal.Error($"the machine could not be saved: {e.Message}");
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
        }
    }

    private int Report(MachineEnd end)
    {
        int code = end.Kind switch
        {
            MachineEndKind.Stopped when _options.Save is not null => _saved ? ExitCode.Success : ExitCode.Failure,
            MachineEndKind.Stopped => ExitCode.Interrupted,
            MachineEndKind.Failed => ExitCode.Failure,
            _ => ExitCode.Success,
        };
        if (end.Kind == MachineEndKind.Failed)
        {
            Terminal.Error(end.Reason!);
        }

        foreach (RawDiskImage image in _images)
        {
            if (!image.IsReadOnly && image.Flush() is { Succeeded: false } failed)
            {
                Terminal.Error(
                    "a disk cannot be flushed, what was written since the last flush that succeeded may be lost: "
                    + Marshal.GetPInvokeErrorMessage(failed.ErrorNumber));
                code = ExitCode.Failure;
            }
        }

        if (_options.Statistics)
        {
            Terminal.WriteError(string.Create(CultureInfo.InvariantCulture, $"{end.Kind} after {_watch.Elapsed.TotalSeconds:f2} s"));
        }

        return code;
    }
}
