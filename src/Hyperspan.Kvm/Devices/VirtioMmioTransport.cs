using System.Buffers.Binary;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

using Hyperspan.Devices;
using Hyperspan.Virtio;

namespace Hyperspan.Kvm;

/// <summary>A virtio device behind memory-mapped registers, version 2 (virtio 1.2, section 4.2): the same device objects that vhost-user serves.</summary>
/// <remarks>
/// Register accesses may come from any thread. Each queue is served by a thread of its own, woken by a doorbell that the kernel rings. What the driver gets wrong (a ring outside
/// memory, a broken chain) sets DEVICE_NEEDS_RESET and stops that queue alone. A reset waits until the requests at hand are done, or this is disposed; that of a single queue
/// (VIRTIO_F_RING_RESET) is begun by a write to QueueReset, which waits for nothing, and is over when that register reads as zero.
/// </remarks>
public sealed partial class VirtioMmioTransport : IMmioHandler, IDisposable
{
    /// <summary>The length of the registers in bytes.</summary>
    public const ulong Length = 0x1000;

    private const uint Magic = 0x7472_6976;
    private const uint DriverOk = 4;
    private const uint FeaturesOk = 8;
    private const uint NeedsReset = 64;
    private const uint UsedBuffer = 1;
    private const uint ConfigChanged = 2;

    private readonly Lock _lock = new();
    private readonly IVirtioDevice _device;
    private readonly GuestMemory _memory;
    private readonly Action _interrupt;
    private readonly VirtioMmioQueue[] _queues;
    private readonly List<IDisposable> _registrations = [];
    private readonly string _name;
    private readonly DriverErrorLog _errors;
    private ulong _features;
    private ulong _written;
    private uint _deviceSelect;
    private uint _driverSelect;
    private uint _queueSelect;
    private uint _status;
    private uint _interruptStatus;
    private uint _generation;
    private bool _isPaused;
    private bool _isEnding;
    private bool _hasEnded;

    /// <summary>Initializes a new instance of the <see cref="VirtioMmioTransport"/> class and puts it into a partition.</summary>
    /// <param name="partition">The partition; its registers appear in <see cref="KvmPartition.Memory"/>.</param>
    /// <param name="address">The address of the registers, a multiple of 4096.</param>
    /// <param name="device">The device. It stays the caller's.</param>
    /// <param name="memory">The guest's memory, in which the rings lie.</param>
    /// <param name="interrupt">Raises the device's interrupt, by an edge.</param>
    /// <param name="name">The name used in errors and for threads.</param>
    /// <exception cref="InvalidOperationException">Something else is at the address.</exception>
    public VirtioMmioTransport(KvmPartition partition, GuestAddress address, IVirtioDevice device, GuestMemory memory, Action interrupt, string name)
        : this(device, memory, interrupt, name)
    {
        ArgumentNullException.ThrowIfNull(partition);
        try
        {
            _registrations.Add(partition.Memory.AddHandler(new GuestRange(address, Length), this, name));
            for (int i = 0; i < _queues.Length; i++)
            {
                _registrations.Add(partition.RegisterDoorbell(
                    address + VirtioMmioRegister.QueueNotify, (ulong)i, sizeof(uint), DoorbellEvent.FromEventFileDescriptor(_queues[i].Kick.Handle)));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Initializes a new instance of the <see cref="VirtioMmioTransport"/> class that is in no partition: whoever made it accesses its registers.</summary>
    internal VirtioMmioTransport(IVirtioDevice device, GuestMemory memory, Action interrupt, string name)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(interrupt);
        ArgumentNullException.ThrowIfNull(name);
        _device = device;
        _memory = memory;
        _interrupt = interrupt;
        _name = name;
        _errors = new DriverErrorLog(Tell);
        _queues =
        [
            .. Enumerable.Range(0, device.QueueCount)
                .Select(index => new VirtioMmioQueue(name, index, () => Raise(UsedBuffer), OnQueueFailed, Tell) { OnLateEnd = StartLater }),
        ];
    }

    /// <summary>Gets the number of requests served.</summary>
    public long Requests => _queues.Sum(static queue => queue.Requests);

    /// <summary>
    /// Gets or sets what is called when a queue fails, with the reason, on its thread or that of the register's write; and, once a second at most, when requests have failed
    /// because their buffers could not be accessed, after which the queue goes on. A driver that fails its queues again and again is told of some times, then once a second.
    /// </summary>
    public Action<string>? OnFailure { get; set; }

    /// <summary>
    /// Gets how long requests in flight are waited for when this is disposed, or its machine paused. Those that have not returned by then are left to themselves at the end: with
    /// their memory and the thread of their queue, which stay until they return. The default is 30 seconds.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The time is not positive.</exception>
    public TimeSpan StopTimeout { get; init => field = MachineOptions.Positive(value); } = MachineOptions.DefaultStopTimeout;

    /// <summary>Gets what is offered to the driver: what the device can do, and what is this transport's, of which no device needs to know.</summary>
    private ulong Offered => _device.OfferedFeatures | VirtioFeatures.RingReset;

    /// <summary>Gets what the driver accepted of the device's own.</summary>
    private ulong DeviceFeatures => _features & _device.OfferedFeatures;

    /// <summary>Gets the queue that the driver has selected, or <see langword="null"/>; a reset of it that has come to its end is over.</summary>
    private VirtioMmioQueue? Selected
    {
        get
        {
            VirtioMmioQueue? queue = _queueSelect < (uint)_queues.Length ? _queues[_queueSelect] : null;
            queue?.EndReset();
            return queue;
        }
    }

    /// <inheritdoc/>
    public void Read(ulong offset, Span<byte> data)
    {
        if (offset >= VirtioMmioRegister.Config)
        {
            _device.ReadConfig((uint)(offset - VirtioMmioRegister.Config), data);
        }
        else if (data.Length == sizeof(uint) && offset % sizeof(uint) == 0)
        {
            lock (_lock)
            {
                BinaryPrimitives.WriteUInt32LittleEndian(data, Read((int)offset));
            }
        }
    }

    /// <inheritdoc/>
    public void Write(ulong offset, ReadOnlySpan<byte> data)
    {
        if (offset >= VirtioMmioRegister.Config)
        {
            if (_device.TryWriteConfig((uint)(offset - VirtioMmioRegister.Config), data))
            {
                Interlocked.Increment(ref _generation);
            }
        }
        else if (data.Length == sizeof(uint) && offset % sizeof(uint) == 0)
        {
            lock (_lock)
            {
                Write((int)offset, BinaryPrimitives.ReadUInt32LittleEndian(data));
            }
        }
    }

    /// <summary>
    /// Takes the device out of the partition, once its requests at hand are done, or <see cref="StopTimeout"/> is over: <see cref="OnFailure"/> is told of those that are not. The
    /// device itself stays. Idempotent.
    /// </summary>
    public void Dispose()
    {
        BeginEnd();
        foreach (IDisposable registration in _registrations)
        {
            registration.Dispose();
        }

        _registrations.Clear();
        lock (_lock)
        {
            if (!_hasEnded)
            {
                _hasEnded = true;
                Func<bool> mayWait = Patience();
                foreach (VirtioMmioQueue queue in _queues)
                {
                    queue.MayWaitToEnd = mayWait;
                    queue.Dispose();
                }

                _errors.End(_name);
            }
        }
    }

    /// <summary>The machine ends: a processor that waits for a request in a register's write goes on without. By any thread.</summary>
    internal void BeginEnd() => Volatile.Write(ref _isEnding, true);

    private bool MayWaitForGuest() => !Volatile.Read(ref _isEnding);

    private Func<bool> Patience()
    {
        long start = Stopwatch.GetTimestamp();
        return () => Stopwatch.GetElapsedTime(start) < StopTimeout;
    }

    private uint Read(int offset) => offset switch
    {
        VirtioMmioRegister.MagicValue => Magic,
        VirtioMmioRegister.Version => 2,
        VirtioMmioRegister.DeviceId => (uint)_device.DeviceType,
        VirtioMmioRegister.VendorId => 0x5053_5948,
        VirtioMmioRegister.DeviceFeatures => Half(Offered, _deviceSelect),
        VirtioMmioRegister.QueueSizeMax => Selected is null ? 0u : _device.MaxQueueSize,
        VirtioMmioRegister.QueueReady => Selected is { IsReady: true } ? 1u : 0,
        VirtioMmioRegister.QueueReset => Selected is { IsResetting: true } ? 1u : 0,
        VirtioMmioRegister.InterruptStatus => Volatile.Read(ref _interruptStatus),
        VirtioMmioRegister.Status => Volatile.Read(ref _status),
        VirtioMmioRegister.ConfigGeneration => Volatile.Read(ref _generation),

        // No regions of shared memory: their length is -1.
        >= VirtioMmioRegister.SharedMemoryLengthLow and <= VirtioMmioRegister.SharedMemoryBaseHigh => uint.MaxValue,
        _ => 0,
    };

    private void Write(int offset, uint value)
    {
        switch (offset)
        {
            case VirtioMmioRegister.DeviceFeaturesSelect:
                _deviceSelect = value;
                break;
            case VirtioMmioRegister.DriverFeaturesSelect:
                _driverSelect = value;
                break;
            case VirtioMmioRegister.DriverFeatures when _driverSelect < 2 && (_status & FeaturesOk) == 0:
                int shift = (int)_driverSelect * 32;
                _written = (_written & ~((ulong)uint.MaxValue << shift)) | ((ulong)value << shift);
                break;
            case VirtioMmioRegister.QueueSelect:
                _queueSelect = value;
                break;
            case VirtioMmioRegister.QueueNotify when value < (uint)_queues.Length:
                // Where the kernel has not rung the doorbell.
                _queues[value].Kick.Signal();
                break;
            case VirtioMmioRegister.InterruptAcknowledge:
                Interlocked.And(ref _interruptStatus, ~value);
                break;
            case VirtioMmioRegister.Status:
                SetStatus(value);
                break;
            default:
                WriteQueue(offset, value);
                break;
        }
    }

    private void WriteQueue(int offset, uint value)
    {
        // While it is reset nothing of it changes.
        if (Selected is not { IsResetting: false } queue)
        {
            return;
        }

        if (offset == VirtioMmioRegister.QueueReset)
        {
            if (value == 1 && (_features & VirtioFeatures.RingReset) != 0)
            {
                queue.BeginReset();
            }

            return;
        }

        if (offset == VirtioMmioRegister.QueueReady)
        {
            SetReady(queue, value == 1);
            return;
        }

        // Addresses of a queue that is ready do not change.
        if (queue.IsReady)
        {
            return;
        }

        switch (offset)
        {
            case VirtioMmioRegister.QueueSize:
                queue.Size = (ushort)Math.Min(value, ushort.MaxValue);
                break;
            case VirtioMmioRegister.QueueDescriptorsLow:
                queue.Descriptors = Low(queue.Descriptors, value);
                break;
            case VirtioMmioRegister.QueueDescriptorsHigh:
                queue.Descriptors = High(queue.Descriptors, value);
                break;
            case VirtioMmioRegister.QueueDriverLow:
                queue.Driver = Low(queue.Driver, value);
                break;
            case VirtioMmioRegister.QueueDriverHigh:
                queue.Driver = High(queue.Driver, value);
                break;
            case VirtioMmioRegister.QueueDeviceLow:
                queue.Device = Low(queue.Device, value);
                break;
            case VirtioMmioRegister.QueueDeviceHigh:
                queue.Device = High(queue.Device, value);
                break;
        }
    }

    private void SetReady(VirtioMmioQueue queue, bool ready)
    {
        if (!ready)
        {
            if (queue.TryStop(MayWaitForGuest))
            {
                queue.IsReady = false;
            }
        }
        else if (!queue.IsReady)
        {
            if (queue.Size > _device.MaxQueueSize)
            {
                RequireReset(queue, $"{queue.Size} descriptors are more than {_device.MaxQueueSize}");
                return;
            }

            if (!queue.Layout.TryValidate(_memory, VirtioFeatures.ForQueue(_features), out VirtQueueError error))
            {
                RequireReset(queue, error.ToString());
                return;
            }

            queue.IsReady = true;
            StartReady();
        }
    }

    private void SetStatus(uint value)
    {
        if (value == 0)
        {
            Reset();
            return;
        }

        uint added = value & ~_status;
        if ((added & FeaturesOk) != 0)
        {
            // A subset of what is offered, with VIRTIO_F_VERSION_1: without a legacy interface anything else may be refused (virtio 1.2, section 6.2).
            if ((_written & ~Offered) == 0 && (_written & VirtioFeatures.Version1) != 0)
            {
                _features = _written;
                _device.AcceptFeatures(DeviceFeatures);
            }
            else
            {
                // The driver looks whether the bit stays.
                value &= ~FeaturesOk;
            }
        }

        // Bits are set, and taken away by a reset alone.
        Interlocked.Or(ref _status, value & 0xff);
        StartReady();
    }

    /// <summary>Serves what is ready, once the driver is.</summary>
    private void StartReady()
    {
        if (_isPaused || Volatile.Read(ref _isEnding) || (_status & (DriverOk | FeaturesOk)) != (DriverOk | FeaturesOk))
        {
            return;
        }

        foreach (VirtioMmioQueue queue in _queues)
        {
            queue.Settle();
            if (queue is { IsReady: true, IsServed: false })
            {
                try
                {
                    queue.Start(_device, _memory, DeviceFeatures);
                }
                catch (ArgumentException e)
                {
                    // The memory has gone since it was looked at.
                    RequireReset(queue, e.Message);
                }
            }
        }
    }

    /// <summary>A pause was given up, and the request that it waited for has returned: the thread of a queue has ended, and is followed by another.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "A queue that cannot be served asks its driver for a reset; the machine goes on.")]
    private void StartLater() => ThreadPool.QueueUserWorkItem(_ =>
    {
        lock (_lock)
        {
            try
            {
                StartReady();
            }
            catch (Exception e)
            {
                RequireReset($"{_name}: {e.Message}");
            }
        }
    });

    private void Reset()
    {
        foreach (VirtioMmioQueue queue in _queues)
        {
            if (!queue.TryReset(MayWaitForGuest))
            {
                // The machine ends.
                return;
            }
        }

        _device.Reset();
        _features = _written = 0;
        _deviceSelect = _driverSelect = _queueSelect = 0;
        Volatile.Write(ref _status, 0);
        Volatile.Write(ref _interruptStatus, 0);
    }

    private void OnQueueFailed(string reason) => RequireReset(reason);

    [SuppressMessage("Design", "CA1031", Justification = "What the listener does wrong must not reach the guest.")]
    private void Tell(string what)
    {
        try
        {
            OnFailure?.Invoke(what);
        }
        catch (Exception e)
        {
            Trace.TraceError(e.ToString());
        }
    }

    private void RequireReset(VirtioMmioQueue queue, string reason) => RequireReset($"{queue.Name}: {reason}");

    private void RequireReset(string reason)
    {
        Interlocked.Or(ref _status, NeedsReset);
        _errors.Add(reason);
        if ((Volatile.Read(ref _status) & DriverOk) != 0)
        {
            Raise(ConfigChanged);
        }
    }

    private void Raise(uint reason)
    {
        Interlocked.Or(ref _interruptStatus, reason);
        _interrupt();
    }

    private static uint Half(ulong value, uint select) => select < 2 ? (uint)(value >> (int)(select * 32)) : 0;

    private static ulong Low(ulong value, uint low) => (value & 0xffff_ffff_0000_0000) | low;

    private static ulong High(ulong value, uint high) => (value & uint.MaxValue) | ((ulong)high << 32);
}
