using System.Diagnostics.CodeAnalysis;

using Hyperspan.Devices;

namespace Hyperspan.Kvm;

/// <summary>A 16550A serial port at the ports 0x3f8 to 0x3ff, as a PC's first: the guest's console.</summary>
/// <remarks>
/// What the guest sends waits in a buffer of 64 KiB for <see cref="ReadAsync"/>, what it is sent in one of 64 KiB for the guest; neither grows. While the first is full,
/// the port says that it cannot send yet, as it would on a slow line, and what is sent all the same is lost. All members may be called from any thread.
/// </remarks>
[SuppressMessage("Design", "CA1001", Justification = "Semaphores that give out no wait handle hold nothing of the system's.")]
public sealed partial class SerialPort : IMmioHandler
{
    internal const ushort FirstPort = 0x3f8;
    internal const byte PortCount = 8;
    internal const uint Line = 4;

    private const int Capacity = 1 << 16;

    // Interrupts by their bits in the enable register.
    private const byte ReceivedEnabled = 1;
    private const byte SentEnabled = 2;

    private readonly Lock _lock = new();
    private readonly Queue<byte> _output = new();
    private readonly Queue<byte> _input = new();
    private readonly SemaphoreSlim _hasOutput = new(0, 1);
    private readonly SemaphoreSlim _hasRoom = new(0, 1);
    private readonly Action _interrupt;
    private byte _enabled;
    private byte _lineControl;
    private byte _modemControl;
    private byte _scratch;
    private ushort _divisor = 12;
    private bool _fifo;
    private bool _sentPending;

    /// <summary>Initializes a new instance of the <see cref="SerialPort"/> class.</summary>
    /// <param name="interrupt">Raises its interrupt, by an edge.</param>
    public SerialPort(Action interrupt)
    {
        ArgumentNullException.ThrowIfNull(interrupt);
        _interrupt = interrupt;
    }

    private bool DivisorAccess => (_lineControl & 0x80) != 0;

    private bool IsLoop => (_modemControl & 0x10) != 0;

    private bool CanSend => _output.Count < Capacity;

    /// <summary>Takes what the guest has sent; waits for it.</summary>
    /// <param name="destination">Receives bytes.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>How many there were: one at least.</returns>
    /// <exception cref="OperationCanceledException">The wait was ended, and nothing has been sent before.</exception>
    public async ValueTask<int> ReadAsync(Memory<byte> destination, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            int taken = Take(destination.Span);
            if (taken > 0)
            {
                return taken;
            }

            await _hasOutput.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Sends bytes to the guest; waits while it does not take them.</summary>
    /// <param name="source">The bytes.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The wait.</returns>
    /// <exception cref="OperationCanceledException">The wait was ended; some of the bytes may have been sent.</exception>
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            source = source[Give(source.Span)..];
            if (source.IsEmpty)
            {
                return;
            }

            await _hasRoom.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public void Read(ulong offset, Span<byte> data)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(offset, PortCount);
        bool raise;
        lock (_lock)
        {
            for (int i = 0; i < data.Length; i++)
            {
                data[i] = Read((int)offset + i);
            }

            raise = Pending() && data.Length > 0 && offset == 1;
        }

        if (raise)
        {
            _interrupt();
        }
    }

    /// <inheritdoc/>
    public void Write(ulong offset, ReadOnlySpan<byte> data)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(offset, PortCount);
        bool raise = false;
        lock (_lock)
        {
            for (int i = 0; i < data.Length; i++)
            {
                raise |= Write((int)offset + i, data[i]);
            }

            raise &= Pending();
        }

        if (raise)
        {
            _interrupt();
        }
    }

    private int Take(Span<byte> destination)
    {
        bool raise;
        int count = 0;
        lock (_lock)
        {
            bool wasFull = !CanSend;
            while (count < destination.Length && _output.TryDequeue(out byte value))
            {
                destination[count++] = value;
            }

            _sentPending |= wasFull && count > 0;
            raise = wasFull && count > 0 && (_enabled & SentEnabled) != 0;
        }

        if (raise)
        {
            _interrupt();
        }

        return count;
    }

    private int Give(ReadOnlySpan<byte> source)
    {
        int count;
        bool raise;
        lock (_lock)
        {
            count = Math.Min(source.Length, Capacity - _input.Count);
            foreach (byte value in source[..count])
            {
                _input.Enqueue(value);
            }

            raise = count > 0 && (_enabled & ReceivedEnabled) != 0;
        }

        if (raise)
        {
            _interrupt();
        }

        return count;
    }

    /// <summary>Whether an interrupt is asked for.</summary>
    private bool Pending() => ((_enabled & ReceivedEnabled) != 0 && _input.Count > 0) || ((_enabled & SentEnabled) != 0 && _sentPending);

    private byte Read(int register)
    {
        switch (register)
        {
            case 0 when DivisorAccess:
                return (byte)_divisor;
            case 0:
                if (!_input.TryDequeue(out byte value))
                {
                    return 0;
                }

                Release(_hasRoom);
                return value;
            case 1:
                return DivisorAccess ? (byte)(_divisor >> 8) : _enabled;
            case 2:
                byte mode = _fifo ? (byte)0xc0 : (byte)0;
                if ((_enabled & ReceivedEnabled) != 0 && _input.Count > 0)
                {
                    return (byte)(mode | 4);
                }

                if ((_enabled & SentEnabled) != 0 && _sentPending)
                {
                    // Reading it takes it away.
                    _sentPending = false;
                    return (byte)(mode | 2);
                }

                return (byte)(mode | 1);
            case 3:
                return _lineControl;
            case 4:
                return _modemControl;
            case 5:
                return (byte)((_input.Count > 0 ? 1 : 0) | (CanSend ? 0x60 : 0));
            case 6:
                // The lines of a terminal that is there; in the loop, those of the modem control register.
                return IsLoop
                    ? (byte)(((_modemControl & 2) << 3) | ((_modemControl & 1) << 5) | ((_modemControl & 0x0c) << 4))
                    : (byte)0xb0;
            default:
                return _scratch;
        }
    }

    /// <summary>Writes a register; answers whether that may make an interrupt be asked for.</summary>
    private bool Write(int register, byte value)
    {
        switch (register)
        {
            case 0 when DivisorAccess:
                _divisor = (ushort)((_divisor & 0xff00) | value);
                return false;
            case 0 when IsLoop:
                if (_input.Count < Capacity)
                {
                    _input.Enqueue(value);
                }

                return true;
            case 0:
                if (CanSend)
                {
                    _output.Enqueue(value);
                    Release(_hasOutput);
                }

                // One edge for as many bytes as come before it is looked at.
                bool wasPending = _sentPending;
                _sentPending = CanSend;
                return !wasPending;
            case 1 when DivisorAccess:
                _divisor = (ushort)((_divisor & 0xff) | (value << 8));
                return false;
            case 1:
                // Asking for it when there is room is answered at once.
                _sentPending |= (value & ~_enabled & SentEnabled) != 0 && CanSend;
                _enabled = (byte)(value & 0x0f);
                return true;
            case 2:
                _fifo = (value & 1) != 0;
                if ((value & 2) != 0)
                {
                    _input.Clear();
                    Release(_hasRoom);
                }

                return false;
            case 3:
                _lineControl = value;
                return false;
            case 4:
                _modemControl = (byte)(value & 0x1f);
                return false;
            case 7:
                _scratch = value;
                return false;
            default:
                return false;
        }
    }

    /// <summary>Under the lock: wakes one that waits, at most.</summary>
    private static void Release(SemaphoreSlim semaphore)
    {
        if (semaphore.CurrentCount == 0)
        {
            semaphore.Release();
        }
    }
}
