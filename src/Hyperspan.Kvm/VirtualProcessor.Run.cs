using System.Runtime.InteropServices;

using Hyperspan.Devices;
using Hyperspan.Interop.Linux;

namespace Hyperspan.Kvm;

/// <content>Running.</content>
public sealed unsafe partial class VirtualProcessor
{
    private long _entries;
    private long _memoryMapped;
    private long _port;
    private long _unclaimed;
    private long _signals;
    private long _other;

    // What made the processor stop, while what is pending is being completed.
    private KvmExit _stopped;

    /// <summary>Gets how often it left its guest, and why.</summary>
    public ProcessorStatistics Statistics => new(
        Volatile.Read(ref _entries),
        Volatile.Read(ref _memoryMapped),
        Volatile.Read(ref _port),
        Volatile.Read(ref _unclaimed),
        Volatile.Read(ref _signals),
        Volatile.Read(ref _other));

    /// <summary>
    /// Executes the guest until something happens that is not for a device. Accesses to devices are answered by <see cref="KvmPartition.Memory"/> and
    /// <see cref="KvmPartition.Ports"/>, on this thread.
    /// </summary>
    /// <returns>Why it came back. Nothing is pending then: a read that the guest was making has been answered and its instruction is done.</returns>
    /// <exception cref="InvalidOperationException">Another thread runs it.</exception>
    /// <exception cref="KvmException">The kernel refused to run it.</exception>
    /// <exception cref="ObjectDisposedException">The processor has been disposed; also where it is while it runs.</exception>
    public KvmExit Run()
    {
        Enter();
        try
        {
            while (true)
            {
                if (RunOnce(out KvmExit exit))
                {
                    return exit;
                }
            }
        }
        finally
        {
            Leave();
        }
    }

    /// <summary>Executes the guest as <see cref="Run()"/> does, until it is cancelled at the latest.</summary>
    /// <param name="cancellationToken">Brings the processor back from its guest, as <see cref="Interrupt"/> does.</param>
    /// <returns>Why it came back. A cancellation that comes when the guest has just come back by itself takes effect in the next run.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled. The guest goes on with the next run, and has lost nothing.</exception>
    /// <exception cref="InvalidOperationException">Another thread runs it.</exception>
    /// <exception cref="KvmException">The kernel refused to run it.</exception>
    /// <exception cref="ObjectDisposedException">The processor has been disposed; also where it is while it runs.</exception>
    public KvmExit Run(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        KvmExit exit;
        using (cancellationToken.UnsafeRegister(static processor => ((VirtualProcessor)processor!).TryInterrupt(), this))
        {
            exit = Run();
        }

        if (exit.Kind == KvmExitKind.Interrupted)
        {
            cancellationToken.ThrowIfCancellationRequested();
        }

        return exit;
    }

    /// <summary>Enters the guest once and does what is to be done then.</summary>
    /// <returns>Whether to come back.</returns>
    private bool RunOnce(out KvmExit exit)
    {
        _entries++;
        if (LibC.Ioctl(_handle, KvmRequest.Run, null) < 0)
        {
            return RunFailed(Marshal.GetLastPInvokeError(), out exit);
        }

        // SAFETY: the mapping stays while this thread is in a run.
        KvmRun* run = _run;
        switch (run->ExitReason)
        {
            case KvmExitReason.Io:
                _port++;
                exit = default;
                return AccessPort(run) && CompletePending(out exit);
            case KvmExitReason.Mmio:
                _memoryMapped++;
                exit = default;
                return AccessMemory(run) && CompletePending(out exit);
            default:
                _other++;
                exit = Describe(run);
                return true;
        }
    }

    private bool RunFailed(int error, out KvmExit exit)
    {
        switch (error)
        {
            case ErrorNumber.Interrupted:
                _signals++;
                exit = new KvmExit { Kind = KvmExitKind.Interrupted };
                if (!TakeInterrupt())
                {
                    return false;
                }

                ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed), this);
                return true;

            // An application processor that was woken from its wait for a start-up message.
            case ErrorNumber.TryAgain:
                exit = default;
                return false;
            case ErrorNumber.BadAddress:
                _other++;
                exit = new KvmExit
                {
                    Kind = KvmExitKind.MemoryFault,
                    Address = _run->ExitReason == KvmExitReason.MemoryFault ? _run->FaultAddress : 0,
                };
                return true;
            default:
                throw new KvmException($"KVM_RUN of processor {Id}", error);
        }
    }

    /// <summary>Answers an access to the space of memory.</summary>
    /// <returns>Whether the processor is to stop for it.</returns>
    private bool AccessMemory(KvmRun* run)
    {
        int length = (int)Math.Min(run->MmioLength, 8u);
        var data = new Span<byte>(run->MmioData, length);
        return Access(_partition.Memory, KvmExitKind.Mmio, run->MmioAddress, data, run->MmioIsWrite != 0);
    }

    /// <summary>Answers an access to a port, or as many as a string instruction makes at once.</summary>
    private bool AccessPort(KvmRun* run)
    {
        bool stop = false;
        int size = run->IoSize;
        uint count = run->IoCount;
        byte* data = (byte*)run + run->IoDataOffset;
        bool isWrite = run->IoDirection == KvmRun.DirectionOut;
        for (uint i = 0; i < count; i++)
        {
            // SAFETY: the kernel says where the data lie, in the mapping that it shares.
            stop |= Access(_partition.Ports, KvmExitKind.Port, run->IoPort, new Span<byte>(data + (i * (uint)size), size), isWrite);
        }

        return stop;
    }

    private bool Access(DeviceAddressSpace space, KvmExitKind kind, ulong address, Span<byte> data, bool isWrite)
    {
        GuestMemoryFault fault;
        if (isWrite)
        {
            if (space.TryWrite(address, data, out fault))
            {
                return false;
            }
        }
        else
        {
            data.Clear();
            if (space.TryRead(address, data, out fault))
            {
                return false;
            }

            // As on a bus that nobody drives.
            data.Fill(0xff);
        }

        _unclaimed++;
        if (_partition.Unclaimed == UnclaimedAccess.Ignore)
        {
            return false;
        }

        ulong value = 0;
        data.CopyTo(MemoryMarshal.AsBytes(new Span<ulong>(ref value)));
        _stopped = new KvmExit { Kind = kind, Address = address, Length = data.Length, IsWrite = isWrite, Value = value, Fault = fault };
        return true;
    }

    /// <summary>Lets the kernel finish the instruction whose access was answered, and nothing more. An access of two parts comes back for the second.</summary>
    private bool CompletePending(out KvmExit exit)
    {
        KvmExit stopped = _stopped;
        Volatile.Write(ref _run->ImmediateExit, 1);
        while (LibC.Ioctl(_handle, KvmRequest.Run, null) >= 0)
        {
            switch (_run->ExitReason)
            {
                case KvmExitReason.Io:
                    AccessPort(_run);
                    continue;
                case KvmExitReason.Mmio:
                    AccessMemory(_run);
                    continue;
                default:
                    TakeBack();
                    exit = Describe(_run);
                    return true;
            }
        }

        int error = Marshal.GetLastPInvokeError();
        TakeBack();
        if (error != ErrorNumber.Interrupted)
        {
            return RunFailed(error, out exit);
        }

        exit = stopped;
        return true;

        void TakeBack()
        {
            lock (_lock)
            {
                Volatile.Write(ref _run->ImmediateExit, _interruptRequested ? (byte)1 : (byte)0);
            }
        }
    }

    private static KvmExit Describe(KvmRun* run) => run->ExitReason switch
    {
        KvmExitReason.Hlt => new() { Kind = KvmExitKind.Halt },
        KvmExitReason.Shutdown => new() { Kind = KvmExitKind.Shutdown },
        KvmExitReason.DirtyRingFull => new() { Kind = KvmExitKind.DirtyRingFull },
        KvmExitReason.SystemEvent => new()
        {
            Kind = KvmExitKind.SystemEvent,
            SystemEvent = (SystemEvent)run->SystemEventType,
            ReasonCode = run->SystemEventType,
        },
        KvmExitReason.FailEntry => new()
        {
            Kind = KvmExitKind.FailedEntry,
            ReasonCode = run->HardwareReason,
            Reason = ExitReasons.FailedEntry(run->HardwareReason),
        },
        KvmExitReason.InternalError => new()
        {
            Kind = KvmExitKind.InternalError,
            ReasonCode = run->InternalSubError,
            Reason = ExitReasons.Internal(run),
        },
        KvmExitReason.Unknown => new()
        {
            Kind = KvmExitKind.Unknown,
            ReasonCode = run->HardwareReason,
            Reason = $"the hardware left the guest for a reason that the kernel does not know: 0x{run->HardwareReason:x}",
        },
        _ => new() { Kind = KvmExitKind.Unknown, ReasonCode = (ulong)run->ExitReason, Reason = $"exit reason {(uint)run->ExitReason}" },
    };
}
