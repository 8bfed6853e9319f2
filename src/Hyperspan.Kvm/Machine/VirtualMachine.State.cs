using System.Diagnostics;
using System.Globalization;

using Hyperspan.Snapshots;

namespace Hyperspan.Kvm;

/// <content>Pausing, saving, and going on from what was saved.</content>
public sealed partial class VirtualMachine
{
    private const string PartitionSection = "partition";

    private static readonly TimeSpan Longest = TimeSpan.FromDays(1);

    // Guards how many processors are in the machine's threads, and how many of these wait.
    private readonly object _gate = new();
    private readonly SemaphoreSlim _saving = new(1, 1);
    private int _running;
    private int _parked;
    private int _pauses;

    /// <summary>
    /// Brings all processors out of the guest and lets devices finish the requests at hand: then nothing changes the guest's memory but whoever calls this. The guest's
    /// clocks go on. Waits for it. Several pauses hold until as many are resumed. Before <see cref="Run"/> too.
    /// </summary>
    /// <exception cref="InvalidOperationException">The machine has ended, or a device's handler asks, on a processor's thread, for which it would wait.</exception>
    /// <exception cref="TimeoutException">A request of a device does not return within <see cref="MachineOptions.StopTimeout"/>. The machine goes on.</exception>
    public void Pause()
    {
        _partition.ThrowIfOnProcessor();
        lock (_gate)
        {
            _pauses++;
        }

        try
        {
            foreach (VirtualProcessor processor in _partition.Processors)
            {
                processor.TryInterrupt();
            }

            long start = Stopwatch.GetTimestamp();
            lock (_gate)
            {
                while (_parked < _running && !_end.Task.IsCompleted)
                {
                    // A processor may wait for a request in the write that resets a device.
                    TimeSpan left = _options.StopTimeout - Stopwatch.GetElapsedTime(start);
                    if (left <= TimeSpan.Zero)
                    {
                        throw new TimeoutException(string.Create(
                            CultureInfo.InvariantCulture,
                            $"{_running - _parked} of {_running} processors wait for a device for more than {_options.StopTimeout.TotalSeconds} seconds"));
                    }

                    Monitor.Wait(_gate, left < Longest ? left : Longest);
                }
            }

            if (_end.Task.IsCompleted)
            {
                throw new InvalidOperationException("The machine has ended.");
            }
        }
        catch
        {
            Release();
            throw;
        }

        try
        {
            foreach (VirtioMmioTransport transport in _transports)
            {
                transport.Pause();
            }
        }
        catch
        {
            Resume();
            throw;
        }
    }

    /// <summary>Goes on after <see cref="Pause"/>.</summary>
    /// <exception cref="InvalidOperationException">It is not paused.</exception>
    public void Resume()
    {
        lock (_gate)
        {
            if (_pauses == 0)
            {
                throw new InvalidOperationException("The machine is not paused.");
            }

            // Devices first, and under the lock: whoever pauses next finds them going, and stops them.
            if (_pauses == 1 && !_end.Task.IsCompleted)
            {
                ResumeDevices();
            }

            Release();
        }
    }

    /// <summary>
    /// Saves the machine: memory, processors, interrupt controllers, clocks, and its devices with their queues. It is paused meanwhile, and goes on afterwards unless it was
    /// paused before. Disks are not in it: what goes on needs them as they are at that moment.
    /// </summary>
    /// <param name="path">The path. A file there is replaced when the new one is complete and on the disk.</param>
    /// <param name="options">
    /// How: as a difference, compressed. Its sections are kept beside the machine's, which are named "machine", "partition", "processor N" and "device N". <see langword="null"/>
    /// for all of memory, as it is.
    /// </param>
    /// <param name="cancellationToken">Ends it, and leaves what was at the path.</param>
    /// <returns>What was saved.</returns>
    /// <exception cref="InvalidOperationException">The machine has ended, or a device's handler asks, on a processor's thread.</exception>
    /// <exception cref="TimeoutException">A request of a device does not return within <see cref="MachineOptions.StopTimeout"/>. The machine goes on.</exception>
    /// <exception cref="KvmException">The kernel does not give a part of the state.</exception>
    /// <exception cref="ArgumentException">A section has the name of one of the machine's; or the path is that of the snapshot this one would be a difference to.</exception>
    /// <exception cref="IOException">The file could not be written.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public async Task<SnapshotSaved> SaveAsync(string path, SnapshotSaveOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new SnapshotSaveOptions();
        await _saving.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            Pause();
            try
            {
                var all = new SnapshotSaveOptions
                {
                    Since = options.Since,
                    Changed = options.Changed,
                    Compress = options.Compress,
                    SkipUnreadable = options.SkipUnreadable,
                    Sections = [.. options.Sections, .. SaveState()],
                };
                return await GuestMemorySnapshot.SaveAsync(_memory, path, all, progress: null, cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                Resume();
            }
        }
        finally
        {
            _saving.Release();
        }
    }

    /// <summary>On a processor's thread, out of the guest: waits while the machine is paused.</summary>
    private void Park()
    {
        lock (_gate)
        {
            if (_pauses == 0)
            {
                return;
            }

            _parked++;
            Monitor.PulseAll(_gate);
            while (_pauses > 0 && !_end.Task.IsCompleted)
            {
                Monitor.Wait(_gate);
            }

            _parked--;
        }
    }

    private void Release()
    {
        lock (_gate)
        {
            _pauses--;
            Monitor.PulseAll(_gate);
        }
    }

    private void ResumeDevices()
    {
        foreach (VirtioMmioTransport transport in _transports)
        {
            transport.Resume();
        }

        Console.RaiseAgain();
    }

    private static string ProcessorSection(uint number) => string.Create(CultureInfo.InvariantCulture, $"processor {number}");

    private static string DeviceSection(int number) => string.Create(CultureInfo.InvariantCulture, $"device {number}");

    /// <summary>While it is paused.</summary>
    private IEnumerable<SnapshotSection> SaveState()
    {
        var machine = new StateWriter();
        machine.Add(StateItem.Layout, _layout);
        Console.Save(machine);
        yield return new SnapshotSection(MachineLayout.Section, machine.ToArray());
        yield return new SnapshotSection(PartitionSection, _partition.SaveState());
        foreach (VirtualProcessor processor in _partition.Processors)
        {
            yield return new SnapshotSection(ProcessorSection(processor.Id), processor.SaveState());
            processor.AnnouncePause();
        }

        for (int i = 0; i < _transports.Count; i++)
        {
            yield return new SnapshotSection(DeviceSection(i), _transports[i].SaveState());
        }
    }

    /// <summary>Before anything runs. Devices wait until the machine does.</summary>
    private void Restore(GuestMemorySnapshot snapshot)
    {
        Console.Restore(new StateReader("the machine", StateReader.Section(snapshot, MachineLayout.Section)));

        // The controllers after the local APICs, which interrupts that wait are sent to.
        foreach (VirtualProcessor processor in _partition.Processors)
        {
            processor.RestoreState(StateReader.Section(snapshot, ProcessorSection(processor.Id)));
        }

        _partition.RestoreState(StateReader.Section(snapshot, PartitionSection));
        for (int i = 0; i < _transports.Count; i++)
        {
            _transports[i].RestoreState(DeviceSection(i), StateReader.Section(snapshot, DeviceSection(i)));
        }
    }
}
