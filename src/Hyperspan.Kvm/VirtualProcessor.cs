using System.Diagnostics;

using Hyperspan.Interop.Linux;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Kvm;

/// <summary>A processor of a <see cref="KvmPartition"/>.</summary>
/// <remarks>
/// <para>
/// <see cref="Run()"/> executes the guest on the calling thread: give each processor a thread of its own. <see cref="Interrupt"/> may be called from any thread. Registers
/// are read and written between two runs, from any thread: during a run that throws <see cref="InvalidOperationException"/>, in a device's handler too. So they are never
/// changed while the guest waits for the answer to a read, which the kernel would answer with the wrong instruction, for ever.
/// </para>
/// </remarks>
[DebuggerDisplay("Processor {Id} of {_partition.Name,nq}")]
public sealed unsafe partial class VirtualProcessor : IDisposable
{
    private readonly KvmPartition _partition;
    private readonly SafeFileHandle _handle;
    private readonly KvmRun* _run;
    private readonly nuint _runLength;
    private readonly DirtyRing? _ring;

    // Guards what follows, and that the mapping is there where it is used by another thread than the one that runs.
    private readonly Lock _lock = new();
    private bool _interruptRequested;
    private int _runningThread;
    private bool _disposed;

    internal VirtualProcessor(KvmPartition partition, uint id, SafeFileHandle handle, nuint runLength, int dirtyRingSize)
    {
        _partition = partition;
        Id = id;
        _handle = handle;
        _runLength = runLength;
        _ = ProcessorSignal.Number;
        try
        {
            _run = (KvmRun*)RunPage.Map(handle, runLength, 0);
            _ring = dirtyRingSize == 0 ? null : new DirtyRing(handle, dirtyRingSize);
        }
        catch
        {
            if (_run != null)
            {
                _ = LibC.Munmap(_run, runLength);
            }

            handle.Dispose();
            throw;
        }
    }

    /// <summary>Gets its number, which is its APIC id.</summary>
    public uint Id { get; }

    /// <summary>Gets a value indicating whether a thread is running it.</summary>
    public bool IsRunning => Volatile.Read(ref _runningThread) != 0;

    /// <summary>Gets a value indicating whether this thread runs it: a device's handler was called.</summary>
    internal bool IsOnThisThread => Volatile.Read(ref _runningThread) is not 0 and var thread && thread == LibC.GetTid();

    /// <summary>
    /// Brings the processor back from its guest, at once: <see cref="Run()"/> returns with <see cref="KvmExitKind.Interrupted"/>. One that does not run does so at
    /// the start of its next run. No request is lost; several before it has returned count as one. A request made while a device's handler works takes effect after it.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The processor has been disposed.</exception>
    public void Interrupt() => ObjectDisposedException.ThrowIf(!TryInterrupt(), this);

    /// <summary>
    /// Brings the processor back from its guest, waits until it is, and takes it out of the partition. Idempotent. Not from within a device's handler, on its own thread.
    /// </summary>
    /// <exception cref="InvalidOperationException">It was called on the thread that runs the processor.</exception>
    public void Dispose()
    {
        if (IsOnThisThread)
        {
            throw new InvalidOperationException("A processor cannot be disposed by a device that it waits for.");
        }

        BeginDispose();
        var wait = default(SpinWait);
        while (true)
        {
            lock (_lock)
            {
                if (_runningThread == 0)
                {
                    if (!_handle.IsClosed)
                    {
                        _ring?.Dispose();
                        _ = LibC.Munmap(_run, _runLength);
                        _handle.Dispose();
                    }

                    break;
                }
            }

            wait.SpinOnce();
        }

        _partition.Remove(this);
    }

    /// <summary>Asks it to come back for good, and waits for nothing.</summary>
    internal void BeginDispose()
    {
        lock (_lock)
        {
            if (!_disposed)
            {
                _disposed = true;
                RequestInterrupt();
            }
        }
    }

    /// <summary>Interrupts it, unless it has been disposed.</summary>
    internal bool TryInterrupt()
    {
        lock (_lock)
        {
            if (!_disposed)
            {
                RequestInterrupt();
            }

            return !_disposed;
        }
    }

    internal int CollectDirty(Action<uint, ulong> page)
    {
        lock (_lock)
        {
            return _disposed ? 0 : _ring?.Collect(page) ?? 0;
        }
    }

    /// <summary>Under the lock: the flag is seen by the kernel before it enters the guest, the signal brings it out.</summary>
    private void RequestInterrupt()
    {
        _interruptRequested = true;
        if (!_handle.IsClosed)
        {
            // SAFETY: the mapping is there until the handle is closed, which is done under the lock.
            Volatile.Write(ref _run->ImmediateExit, 1);
            if (_runningThread != 0)
            {
                ProcessorSignal.Send(_runningThread);
            }
        }
    }

    /// <summary>Under the lock no signal is sent to a thread that does something else by now.</summary>
    private void Enter()
    {
        ProcessorSignal.Accept();
        int thread = LibC.GetTid();
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_runningThread != 0)
            {
                throw new InvalidOperationException($"Processor {Id} is running already.");
            }

            _runningThread = thread;
        }
    }

    private void Leave()
    {
        lock (_lock)
        {
            _runningThread = 0;
        }
    }

    /// <summary>Whether to come back: a signal may be of somebody else.</summary>
    private bool TakeInterrupt()
    {
        lock (_lock)
        {
            bool requested = _interruptRequested;

            // Stays asked for where the processor is being disposed.
            _interruptRequested = _disposed;
            Volatile.Write(ref _run->ImmediateExit, _disposed ? (byte)1 : (byte)0);
            return requested;
        }
    }
}
