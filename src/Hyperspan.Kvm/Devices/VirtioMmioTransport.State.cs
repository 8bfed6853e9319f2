using System.Globalization;
using System.Runtime.InteropServices;

using Hyperspan.Virtio;

namespace Hyperspan.Kvm;

/// <content>The state of a device behind its registers, for a machine that is saved.</content>
public sealed partial class VirtioMmioTransport
{
    // Of the configuration space; those that there are have 60 bytes at most.
    private const int MostConfiguration = 4096;

    /// <summary>
    /// Stops the queues once nothing is in flight, and remembers where they were: nothing writes to the guest's memory then. While no processor runs. Idempotent.
    /// </summary>
    /// <exception cref="TimeoutException">A request does not return in time. <see cref="Resume"/> goes on.</exception>
    /// <exception cref="InvalidOperationException">The machine has ended.</exception>
    internal void Pause()
    {
        lock (_lock)
        {
            _isPaused = true;
            Func<bool> patience = Patience();
            foreach (VirtioMmioQueue queue in _queues)
            {
                if (!queue.TryPause(() => MayWaitForGuest() && patience()))
                {
                    throw MayWaitForGuest()
                        ? new TimeoutException($"{queue.Describe()} does not end within {StopTimeout.TotalSeconds.ToString(CultureInfo.InvariantCulture)} seconds")
                        : new InvalidOperationException("The machine has ended.");
                }
            }
        }
    }

    /// <summary>Goes on where it was paused.</summary>
    internal void Resume()
    {
        lock (_lock)
        {
            _isPaused = false;
            StartReady();
        }

        // An edge may have been lost between the line and the controller whose state was taken.
        if (Volatile.Read(ref _interruptStatus) != 0)
        {
            _interrupt();
        }
    }

    internal byte[] SaveState()
    {
        var state = new StateWriter();
        lock (_lock)
        {
            state.Add(StateItem.Transport, new Registers
            {
                DeviceId = (uint)_device.DeviceType,
                Features = _features,
                Written = _written,
                DeviceSelect = _deviceSelect,
                DriverSelect = _driverSelect,
                QueueSelect = _queueSelect,
                Status = _status,
                InterruptStatus = _interruptStatus,
                Generation = _generation,
            });
            state.Add(StateItem.Queues, MemoryMarshal.AsBytes<Queue>(Array.ConvertAll(_queues, static queue => new Queue
            {
                Descriptors = queue.Descriptors,
                Driver = queue.Driver,
                Device = queue.Device,
                Size = queue.Size,
                IsReady = queue.IsReady ? (byte)1 : (byte)0,
                HasPosition = queue.Position is null ? (byte)0 : (byte)1,
                Next = queue.Position?.Next ?? 0,
                Used = queue.Position?.Used ?? 0,
            })));
        }

        byte[] configuration = new byte[Math.Min(_device.ConfigLength, MostConfiguration)];
        _device.ReadConfig(0, configuration);
        state.Add(StateItem.Configuration, configuration);
        return state.ToArray();
    }

    /// <summary>Takes the state of a device that was saved, and stays paused. Nobody uses this one yet.</summary>
    /// <exception cref="InvalidStateException">It is damaged, or of another device.</exception>
    internal void RestoreState(string name, ReadOnlyMemory<byte> saved)
    {
        var state = new StateReader(name, saved);
        Registers registers = state.Value<Registers>(StateItem.Transport);
        Queue[] queues = state.Values<Queue>(StateItem.Queues);
        if (registers.DeviceId != (uint)_device.DeviceType || queues.Length != _queues.Length)
        {
            throw new InvalidStateException(
                $"the state of {name} is of a device of type {registers.DeviceId} with {queues.Length} queues, and not of type {(uint)_device.DeviceType} with {_queues.Length}");
        }

        if ((registers.Features & ~Offered) is var missing and not 0)
        {
            throw new InvalidStateException($"the state of {name} has features that the device does not offer: 0x{missing:x}");
        }

        lock (_lock)
        {
            _isPaused = true;
            RestoreConfiguration(name, state.Bytes(StateItem.Configuration));
            (_features, _written) = (registers.Features, registers.Written);
            (_deviceSelect, _driverSelect, _queueSelect) = (registers.DeviceSelect, registers.DriverSelect, registers.QueueSelect);
            (_status, _interruptStatus, _generation) = (registers.Status & 0xff, registers.InterruptStatus, (uint)registers.Generation);
            if ((_status & FeaturesOk) != 0)
            {
                _device.AcceptFeatures(DeviceFeatures);
            }

            for (int i = 0; i < queues.Length; i++)
            {
                RestoreQueue(state, _queues[i], queues[i]);
            }
        }
    }

    private void RestoreQueue(StateReader state, VirtioMmioQueue queue, Queue saved)
    {
        (queue.Size, queue.Descriptors, queue.Driver, queue.Device) = (saved.Size, saved.Descriptors, saved.Driver, saved.Device);
        if (saved.IsReady == 0)
        {
            return;
        }

        if (queue.Size > _device.MaxQueueSize || !queue.Layout.TryValidate(_memory, VirtioFeatures.ForQueue(_features), out _))
        {
            throw state.Damaged(StateItem.Queues);
        }

        // One that was broken has no place to go on from, and waits for its reset.
        bool isServed = (_status & DriverOk) != 0;
        queue.IsReady = saved.HasPosition != 0 || !isServed;
        queue.Position = saved.HasPosition != 0 ? (saved.Next, saved.Used) : null;
    }

    /// <summary>What a driver may write is written again; what else differs makes it another device: a disk of another size.</summary>
    private void RestoreConfiguration(string name, ReadOnlySpan<byte> saved)
    {
        Span<byte> now = stackalloc byte[saved.Length <= MostConfiguration ? saved.Length : 0];
        _device.ReadConfig(0, now);
        for (int i = 0; i < now.Length; i++)
        {
            if (now[i] != saved[i] && !_device.TryWriteConfig((uint)i, saved.Slice(i, 1)) && _device.DeviceType == VirtioDeviceType.Block)
            {
                throw new InvalidStateException($"the state of {name} is of a disk with another configuration, from byte {i} on: of another size, for instance");
            }
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Registers
    {
        public ulong Features;
        public ulong Written;
        public uint DeviceId;
        public uint DeviceSelect;
        public uint DriverSelect;
        public uint QueueSelect;
        public uint Status;
        public uint InterruptStatus;
        public ulong Generation;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Queue
    {
        public ulong Descriptors;
        public ulong Driver;
        public ulong Device;
        public ushort Size;
        public ushort Next;
        public ushort Used;
        public byte IsReady;
        public byte HasPosition;
    }
}
