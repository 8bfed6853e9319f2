using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

using Hyperspan.Snapshots;
using Hyperspan.Virtio;

namespace Hyperspan.Kvm;

/// <summary>A machine that boots a stock Linux: memory, processors, interrupt controllers, a serial console, devices behind virtio-mmio, ACPI tables that describe them.</summary>
/// <remarks>
/// Made, run once, disposed. All members may be called from any thread. A guest that asks to start again ends the machine (<see cref="MachineEndKind.Reset"/>): make another one
/// with the same devices. One that was saved (<see cref="SaveAsync"/>) goes on in another one, by <see cref="MachineOptions.Restore"/>.
/// </remarks>
[DebuggerDisplay("{_options.Name,nq}")]
public sealed partial class VirtualMachine : IDisposable
{
    private const int MostDevices = 18;

    // More is mapped nowhere: it is half of a process's addresses.
    private const ulong MostMemory = 1UL << 46;

    // A kernel keeps 64 bytes for each page of 4096.
    private const ulong TableShare = 64;

    // Lines of the I/O APIC that nothing else has: the timer is at 0, the console at 4, the power button at 9.
    private static readonly uint[] Lines = [5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 3];

    private readonly MachineOptions _options;
    private readonly MachineLayout _layout;
    private readonly GuestMemory _memory;
    private readonly KvmPartition _partition;
    private readonly List<IDisposable> _parts = [];
    private readonly List<VirtioMmioTransport> _transports = [];
    private readonly EventFile _button;
    private readonly TaskCompletionSource<MachineEnd> _end = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _started;
    private bool _disposed;

    /// <summary>Initializes a new instance of the <see cref="VirtualMachine"/> class, ready to run.</summary>
    /// <param name="options">What it consists of.</param>
    /// <exception cref="MachineException">The program cannot be started, or the machine cannot be so large: the message is a sentence that says why.</exception>
    /// <exception cref="ArgumentException">A number of the options is out of its range.</exception>
    /// <exception cref="InvalidStateException">The machine to be restored is damaged, or had other devices.</exception>
    /// <exception cref="InvalidSnapshotException">Its snapshot is damaged.</exception>
    /// <exception cref="KvmException">There is no KVM, or it refused.</exception>
    /// <exception cref="GuestMemoryMappingException">There is not so much memory.</exception>
    /// <exception cref="IOException">A file could not be read.</exception>
    public VirtualMachine(MachineOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        Check(options);
        _options = options;
        KernelImage? kernel = options.Restore is null ? KernelImage.Open(options.KernelPath!) : null;
        _layout = kernel is null ? MachineLayout.Read(options.Restore!) : new MachineLayout(options.MemorySize, options.ProcessorCount, options.Devices.Count, kernel.Format);
        if (_layout.DeviceCount != options.Devices.Count)
        {
            throw new InvalidStateException($"the machine was saved with {_layout.DeviceCount} devices, and {options.Devices.Count} are given");
        }

        (string, byte[])? initrd = kernel is not null && options.InitrdPath is { } path
            ? (path, KernelImage.Read(path, options.MemorySize, BootLoader.InitrdTooLong))
            : null;
        _partition = new KvmPartition(new KvmPartitionOptions { Name = options.Name, InterruptController = true, IntervalTimer = true });
        try
        {
            CpuidTable cpuid = _partition.GetSupportedCpuid();
            CheckProcessor(cpuid);
            _memory = options.Restore?.CreateMemory("ram") ?? BootLayout.CreateMemory("ram", _layout.MemorySize);
            _parts.Add(_memory);
            _partition.Map(_memory);
            Console = new SerialPort(Raising(Connect(SerialPort.Line)));
            _partition.Ports.AddHandler(new GuestRange(SerialPort.FirstPort, SerialPort.PortCount), Console, "console");
            _button = Connect(PowerPorts.ButtonLine);
            AddPowerPorts();
            MmioDevicePlace[] places = AddDevices();
            for (uint i = 0; i < (uint)_layout.ProcessorCount; i++)
            {
                _partition.CreateProcessor(i);
            }

            if (options.Restore is not null)
            {
                Restore(options.Restore);
            }
            else
            {
                byte[] tables = AcpiTables.Create(BootLayout.Tables, _layout.ProcessorCount, places);
                BootLoader.Load(_memory, kernel!, options.KernelPath!, initrd, options.CommandLine, tables, _layout.MemorySize);
                foreach (VirtualProcessor processor in _partition.Processors)
                {
                    processor.SetCpuid(cpuid.ForProcessor(processor.Id, _layout.ProcessorCount));
                }

                BootLoader.Start(_partition.Processors[0], kernel!);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Gets the serial console.</summary>
    public SerialPort Console { get; }

    /// <summary>Gets what kind of program it starts, or was started with before it was saved.</summary>
    public KernelFormat Format => _layout.Format;

    /// <summary>Gets the partition under the machine.</summary>
    public KvmPartition Partition => _partition;

    /// <summary>Gets the guest's memory.</summary>
    public GuestMemory Memory => _memory;

    /// <summary>Gets what it has done so far.</summary>
    public MachineStatistics Statistics => new(
        [.. _partition.Processors.Select(static processor => processor.Statistics)],
        [.. _transports.Select(static transport => transport.Requests)]);

    /// <summary>Runs the machine, each processor on a thread of its own, until it ends; it is stopped where it is disposed meanwhile.</summary>
    /// <param name="cancellationToken">Stops it: at once, as if its plug were pulled. Requests of devices at hand are done when this is disposed.</param>
    /// <returns>How it ended. The processors are out of the guest then.</returns>
    /// <exception cref="InvalidOperationException">It has been run before.</exception>
    /// <exception cref="ObjectDisposedException">It has been disposed.</exception>
    public MachineEnd Run(CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed), this);
        if (Interlocked.Exchange(ref _started, true))
        {
            throw new InvalidOperationException("A machine is run once.");
        }

        VirtualProcessor[] processors = [.. _partition.Processors];
        var threads = new List<Thread>();
        lock (_gate)
        {
            _running = processors.Length;
            if (_options.Restore is not null && _pauses == 0 && !_end.Task.IsCompleted)
            {
                ResumeDevices();
            }
        }

        // First: whoever has asked for the end already gets that, however fast the guest ends by itself.
        using (cancellationToken.Register(() => End(new MachineEnd(MachineEndKind.Stopped))))
        {
            foreach (VirtualProcessor processor in processors)
            {
                var thread = new Thread(() => RunProcessor(processor))
                {
                    IsBackground = true,
                    Name = string.Create(CultureInfo.InvariantCulture, $"{_options.Name} processor {processor.Id}"),
                };
                thread.Start();
                threads.Add(thread);
            }

            MachineEnd end = _end.Task.GetAwaiter().GetResult();

            // A processor may wait for a request in the write that resets a device.
            foreach (VirtioMmioTransport transport in _transports)
            {
                transport.BeginEnd();
            }

            foreach (VirtualProcessor processor in processors)
            {
                processor.TryInterrupt();
            }

            foreach (Thread thread in threads)
            {
                thread.Join();
            }

            return end;
        }
    }

    /// <summary>Does what <see cref="Run"/> does, on a thread of its own.</summary>
    /// <param name="cancellationToken">Stops it: at once, as if its plug were pulled.</param>
    /// <returns>How it ended.</returns>
    /// <exception cref="InvalidOperationException">It has been run before.</exception>
    /// <exception cref="ObjectDisposedException">It has been disposed.</exception>
    public Task<MachineEnd> RunAsync(CancellationToken cancellationToken = default) =>
        Task.Factory.StartNew(() => Run(cancellationToken), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>Presses the power button: a guest that listens to it shuts down.</summary>
    public void PressPowerButton() => _button.Signal();

    /// <summary>
    /// Ends the machine, also one that runs or is paused; devices finish the requests at hand, for as long as <see cref="MachineOptions.StopTimeout"/> allows. Idempotent. Not from
    /// within a device's handler, on a processor's thread.
    /// </summary>
    /// <exception cref="InvalidOperationException">It was called on a processor's thread. Nothing has changed.</exception>
    public void Dispose()
    {
        _partition.ThrowIfOnProcessor();
        Volatile.Write(ref _disposed, true);

        // Processors that are paused wait for the end, or for somebody who resumes them.
        End(new MachineEnd(MachineEndKind.Stopped));
        foreach (VirtioMmioTransport transport in _transports)
        {
            transport.Dispose();
        }

        _partition.Dispose();
        foreach (IDisposable part in Enumerable.Reverse(_parts))
        {
            part.Dispose();
        }
    }

    private static void Check(MachineOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.Devices.Count, MostDevices, nameof(options));
        foreach (IVirtioDevice device in options.Devices)
        {
            ArgumentNullException.ThrowIfNull(device, nameof(options));
        }

        if (options.Restore is not null)
        {
            return;
        }

        ArgumentException.ThrowIfNullOrEmpty(options.KernelPath, nameof(options));
        if (options.InitrdPath?.Length == 0
            || options.KernelPath.Contains('\0', StringComparison.Ordinal)
            || options.InitrdPath?.Contains('\0', StringComparison.Ordinal) == true)
        {
            throw new ArgumentException("A path is empty, or has a null character in it.", nameof(options));
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(options.MemorySize, MachineLayout.LeastMemory, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNotEqual(options.MemorySize % GuestAddress.PageSize, 0UL, nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.ProcessorCount, 1, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.ProcessorCount, MachineLayout.MostProcessors, nameof(options));
    }

    private void CheckProcessor(CpuidTable cpuid)
    {
        int bits = cpuid.TryFind(0x8000_0008, 0, out CpuidEntry entry) ? (int)(entry.Eax & 0xff) : 36;
        ulong end = _layout.MemorySize > BootLayout.LowMemoryEnd ? BootLayout.HighMemory + (_layout.MemorySize - BootLayout.LowMemoryEnd) : _layout.MemorySize;
        if (_layout.MemorySize > MostMemory)
        {
            throw new MachineException(string.Create(
                CultureInfo.InvariantCulture, $"0x{_layout.MemorySize:x} bytes of memory are too much: 0x{MostMemory:x} can be mapped at most"));
        }

        if (bits < 64 && end >> bits != 0)
        {
            throw new MachineException(string.Create(
                CultureInfo.InvariantCulture, $"0x{_layout.MemorySize:x} bytes of memory are too much: the processor's physical addresses have {bits} bits"));
        }

        long here = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (_layout.Format is KernelFormat.LinuxImage or KernelFormat.PvhElf && _layout.MemorySize / TableShare > (ulong)here)
        {
            throw new MachineException(string.Create(
                CultureInfo.InvariantCulture,
                $"0x{_layout.MemorySize:x} bytes of memory are too much: "
                + $"a kernel's tables take a {TableShare}th of it, and this machine has 0x{here:x}"));
        }

        if (_layout.ProcessorCount > _partition.Capabilities.Processors)
        {
            throw new MachineException($"{_layout.ProcessorCount} processors are too many: this kernel's KVM has up to {_partition.Capabilities.Processors} processors");
        }
    }

    /// <summary>An event that is an interrupt line.</summary>
    private EventFile Connect(uint line)
    {
        var source = new EventFile();
        _parts.Add(source);
        _parts.Add(_partition.ConnectInterrupt(source, line));
        return source;
    }

    /// <summary>Raises an interrupt, for as long as there is a machine: who still types to the console of one that has ended must not find out by an exception.</summary>
    private static Action Raising(EventFile line) => () =>
    {
        try
        {
            line.Signal();
        }
        catch (ObjectDisposedException)
        {
            // Nobody is there to be interrupted.
        }
    };

    private void AddPowerPorts() => _partition.Ports.AddHandler(
        new GuestRange(PowerPorts.SleepControl, 3),
        static (_, _) => { },
        (offset, data) =>
        {
            if (offset == 0 && PowerPorts.IsPowerOff(data[0]))
            {
                End(new MachineEnd(MachineEndKind.PoweredOff));
            }
            else if (offset == PowerPorts.Reset - PowerPorts.SleepControl && data[0] == PowerPorts.ResetValue)
            {
                End(new MachineEnd(MachineEndKind.Reset));
            }
        },
        "power");

    private MmioDevicePlace[] AddDevices()
    {
        var places = new MmioDevicePlace[_options.Devices.Count];
        for (int i = 0; i < places.Length; i++)
        {
            IVirtioDevice device = _options.Devices[i];
            places[i] = new MmioDevicePlace(BootLayout.Devices + ((ulong)i * MmioDevicePlace.Length), Lines[i]);
            string name = string.Create(CultureInfo.InvariantCulture, $"{_options.Name} device {i}");
            _transports.Add(new VirtioMmioTransport(_partition, places[i].Address, device, _memory, Raising(Connect(places[i].Line)), name)
            {
                OnFailure = _options.OnDeviceFailure,
                StopTimeout = _options.StopTimeout,
            });
        }

        return places;
    }

    [SuppressMessage("Design", "CA1031", Justification = "Whatever ends a processor ends the machine, with the reason.")]
    private void RunProcessor(VirtualProcessor processor)
    {
        try
        {
            HyperspanEnvironment.PrepareThread();
            while (!_end.Task.IsCompleted)
            {
                KvmExit exit = processor.Run();
                switch (exit.Kind)
                {
                    case KvmExitKind.Interrupted:
                        Park();
                        break;
                    case KvmExitKind.Shutdown:
                        End(new MachineEnd(MachineEndKind.Reset));
                        break;
                    case KvmExitKind.SystemEvent when exit.SystemEvent == SystemEvent.Shutdown:
                        End(new MachineEnd(MachineEndKind.PoweredOff));
                        break;
                    case KvmExitKind.SystemEvent when exit.SystemEvent == SystemEvent.Reset:
                        End(new MachineEnd(MachineEndKind.Reset));
                        break;
                    default:
                        Fail(processor, exit.ToString());
                        break;
                }
            }
        }
        catch (Exception e)
        {
            Fail(processor, e.Message);
        }
        finally
        {
            lock (_gate)
            {
                _running--;
                Monitor.PulseAll(_gate);
            }
        }
    }

    private void Fail(VirtualProcessor processor, string reason)
    {
        string at = "";
        try
        {
            at = string.Create(CultureInfo.InvariantCulture, $" at 0x{processor.GetRegisters().Rip:x}");
        }
        catch (Exception e) when (e is KvmException or ObjectDisposedException or InvalidOperationException)
        {
            // Where it was is not to be known.
        }

        End(new MachineEnd(MachineEndKind.Failed, $"processor {processor.Id}{at}: {reason}"));
    }

    /// <summary>The first end counts. What was pending of the processor that calls this is finished by the interruption.</summary>
    private void End(MachineEnd end)
    {
        if (_end.TrySetResult(end))
        {
            lock (_gate)
            {
                Monitor.PulseAll(_gate);
            }

            foreach (VirtualProcessor processor in _partition.Processors)
            {
                processor.TryInterrupt();
            }
        }
    }
}
