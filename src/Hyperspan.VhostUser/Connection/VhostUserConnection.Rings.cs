using System.Globalization;
using System.Runtime.InteropServices;

using Hyperspan.VhostUser.Interop;
using Hyperspan.Virtio;

namespace Hyperspan.VhostUser;

/// <content>Setting up, starting and stopping rings.</content>
public sealed partial class VhostUserConnection
{
    /// <summary>In the payload of SET_VRING_KICK, CALL and ERR: there is no descriptor.</summary>
    private const ulong NoDescriptorFlag = 1UL << 8;

    private readonly Ring[] _rings;

    private VirtQueueFeatures RingFeatures => VirtioFeatures.ForQueue(_features);

    private bool IsPacked => (_features & VirtioFeatures.PackedRing) != 0;

    private bool AnyStarted => Array.Exists(_rings, static ring => ring.Worker is not null);

    private void DispatchToRing(VhostUserMessage message, ReadOnlySpan<byte> payload, Descriptors descriptors)
    {
        if (message is VhostUserMessage.SetVringKick or VhostUserMessage.SetVringCall or VhostUserMessage.SetVringError)
        {
            ulong word = Word(payload);
            ProtocolViolation.Unless((word & ~(NoDescriptorFlag | 0xff)) == 0, $"payload 0x{word:x} has bits that are not defined");
            SetEvent(message, RingAt((uint)(word & 0xff)), (word & NoDescriptorFlag) == 0, descriptors);
            return;
        }

        Ring ring = RingAt(MemoryMarshal.Read<uint>(payload));
        uint number = MemoryMarshal.Read<uint>(payload[sizeof(uint)..]);
        switch (message)
        {
            case VhostUserMessage.SetVringSize:
                RequireStopped(ring);
                ProtocolViolation.Unless(
                    VirtQueueLayout.IsValidSize(number, RingFeatures), $"size {number} is not a power of two, or none at all");
                ProtocolViolation.Unless(number <= _device.MaxQueueSize, $"size {number} is more than the {_device.MaxQueueSize} of this device");
                ring.Size = (ushort)number;
                break;
            case VhostUserMessage.SetVringBase:
                RequireStopped(ring);
                ProtocolViolation.Unless(number <= ushort.MaxValue || IsPacked, $"index {number} is more than 16 bits");
                ring.Base = number;
                break;
            case VhostUserMessage.SetVringAddress:
                SetPlace(ring, MemoryMarshal.Read<RingPlace>(payload));
                break;
            case VhostUserMessage.SetVringEnable:
                SetEnabled(ring, number);
                break;
            case VhostUserMessage.GetVringBase:
                Stop(ring, "the front end asked for it", report: true);
                ReplyBase(ring);
                if (ring is { Place: not null, Worker: null })
                {
                    // From now on what the front end knows is the truth, not a record: it may set the ring up anew.
                    InflightOf(ring)?.Forget();
                }

                break;
        }
    }

    private Ring RingAt(uint index)
    {
        ProtocolViolation.Unless(index < (uint)_rings.Length, $"there is no queue {index}; the device has {_rings.Length}");
        return _rings[index];
    }

    private static void RequireStopped(Ring ring) => ProtocolViolation.Unless(ring.Worker is null, $"ring {ring.Index} is started");

    private void SetPlace(Ring ring, in RingPlace place)
    {
        // Where it is logged may change while it is served.
        bool isServed = ring.Worker is not null;
        ProtocolViolation.Unless(!isServed || ring.Place?.Unlogged == place.Unlogged, $"ring {ring.Index} is started");
        ProtocolViolation.Unless((place.Flags & ~RingPlace.LogFlag) == 0, $"flags 0x{place.Flags:x} are unknown");
        ProtocolViolation.Unless(
            !place.IsLogged || (_protocolFeatures & VhostUserProtocolFeatures.LogSharedMemory) != 0, "logging was not agreed on");
        ProtocolViolation.Unless(ring.Size != 0, $"ring {ring.Index} has no size yet");
        ProtocolViolation.Unless(_memorySet, "there is no shared memory yet");
        RingPlace? before = ring.Place;
        ring.Place = place;
        try
        {
            RequirePlace(_memory, ring, "is not all in shared memory");
        }
        catch
        {
            ring.Place = before;
            throw;
        }

        RequireLogged(_writeLog, ring);
        if (_logging is not null)
        {
            PauseAll();
            UpdateLogging();
            ResumeAll();
        }
    }

    /// <summary>
    /// Gets where a ring lies, and checks that it lies there. Where addresses are translated, only the thread of the queue finds out: the translations come later,
    /// by the thread that
    /// this is called by.
    /// </summary>
    /// <exception cref="ProtocolViolation">It does not.</exception>
    private VirtQueueLayout RequirePlace(MemoryTable memory, Ring ring, string otherwise)
    {
        ProtocolViolation.Unless(TryPlace(memory, ring, out VirtQueueLayout layout), $"ring {ring.Index} {otherwise}");
        VirtQueueError error = default;
        ProtocolViolation.Unless(IsTranslated || layout.TryValidate(memory.Memory, RingFeatures, out error), $"ring {ring.Index}: {error.Text}");
        return layout;
    }

    private bool TryPlace(MemoryTable memory, Ring ring, out VirtQueueLayout layout)
    {
        if (IsTranslated && ring.Place is { } translated)
        {
            layout = new VirtQueueLayout(ring.Size, translated.DescriptorTable, translated.AvailableRing, translated.UsedRing);
            return true;
        }

        if (ring.Place is { } place
            && memory.TryTranslate(place.DescriptorTable, VirtQueueLayout.DescriptorTableLength(ring.Size), out GuestAddress descriptors)
            && memory.TryTranslate(place.AvailableRing, VirtQueueLayout.AvailableRingLength(ring.Size, RingFeatures), out GuestAddress available)
            && memory.TryTranslate(place.UsedRing, VirtQueueLayout.UsedRingLength(ring.Size, RingFeatures), out GuestAddress used))
        {
            layout = new VirtQueueLayout(ring.Size, descriptors, available, used);
            return true;
        }

        layout = default;
        return false;
    }

    /// <summary>Gets where a ring goes on by what the front end says.</summary>
    /// <exception cref="ProtocolViolation">A place is past a packed ring.</exception>
    private VringBase BaseOf(Ring ring, VirtQueueLayout layout)
    {
        if (!IsPacked)
        {
            return VringBase.OfSplit((ushort)ring.Base);
        }

        var at = VringBase.OfPacked(ring.Base);
        ProtocolViolation.Unless(at.IsWithin(ring.Size), $"ring {ring.Index} cannot go on at {at}: it has {ring.Size} descriptors");

        // Some front ends, user-mode Linux among them, start each ring at zero. That is also where one goes on after a lap, whose first descriptor has been returned.
        return ring.Base == 0 && !IsTranslated
            && _memory.Memory.TryRead(layout.DescriptorTable + 14, out Le16 flags) && (flags & VringBase.UsedFlag) == 0 ? VringBase.FreshPacked : at;
    }

    private void SetEnabled(Ring ring, uint number)
    {
        ProtocolViolation.Unless(number <= 1, $"{number} is neither 0 nor 1");
        ProtocolViolation.Unless(RingsMayBeEnabled, "the feature for protocol features has not been set");
        ring.Enabled = number == 1;
        ResumeIfEnabled(ring);
    }

    private void SetEvent(VhostUserMessage message, Ring ring, bool wanted, Descriptors descriptors)
    {
        ProtocolViolation.Unless(
            descriptors.Count == (wanted ? 1 : 0), wanted ? "there is no descriptor" : "there is a descriptor, and the flag that there is none");
        EventDescriptor? given = null;
        if (wanted)
        {
            DescriptorKind kind = EventDescriptor.KindOf(descriptors[0]);
            ProtocolViolation.Unless(kind != DescriptorKind.Other, "the descriptor is neither an eventfd nor a pipe nor a socket");
            given = new EventDescriptor(descriptors.Take(0), kind, descriptors.Unclosed);
            given.MakeNonBlocking();
        }

        switch (message)
        {
            case VhostUserMessage.SetVringCall:
                ring.Signals.SetCall(given);
                break;
            case VhostUserMessage.SetVringError:
                ring.Signals.SetError(given);
                break;
            default:
                Start(ring, given);
                break;
        }
    }

    /// <summary>Starts a ring, or goes on with another event for kicks.</summary>
    private void Start(Ring ring, EventDescriptor? kick)
    {
        if (ring.Worker is { } running)
        {
            try
            {
                running.Pause();
            }
            catch
            {
                kick?.Dispose();
                throw;
            }

            running.SetKick(kick);
            ResumeIfEnabled(ring);
            return;
        }

        if (!AnyStarted)
        {
            BeginToServe();
        }

        IVirtioQueueHandler? handler = null;
        try
        {
            ProtocolViolation.Unless(_featuresSet, "features have not been set yet");
            ProtocolViolation.Unless(ring.Place is not null, $"ring {ring.Index} has no address yet");
            VirtQueueLayout layout = RequirePlace(_memory, ring, "is not in shared memory any more");

            // What the front end knows as the base may be older than a crash: a record is the truth.
            InflightQueue? inflight = InflightOf(ring);
            VringBase at = BaseOf(ring, layout);
            handler = _device.CreateQueueHandler(ring.Index, _features & ~TransportFeatures);
            VirtQueueFeatures features = RingFeatures;
            RingGate? gate = IsTranslated ? new RingGate(_iotlb, layout, features) : null;
            string how = $"{(IsPacked ? ", packed" : "")}{(kick is null ? ", polling" : "")}{(IsTranslated ? ", translated" : "")}";
            VirtQueue Open()
            {
                // The memory of now: it may have been replaced since.
                GuestMemory memory = DriverMemory;
                if (gate is not null)
                {
                    UnreachableRingException.ThrowIfRefused(memory, layout, features);
                }

                VringBase start = inflight?.Recover(memory, layout, at) ?? at;
                var queue = new VirtQueue(memory, layout, features, start.Available, start.Used) { BufferGate = gate };
                int pending = inflight?.Resubmit(queue) ?? 0;
                Report(VhostUserEventKind.RingStarted, $"{layout.Size} descriptors{how}, at index {start}", ring.Index);
                if (pending != 0)
                {
                    Report(VhostUserEventKind.Resubmitted, $"{pending} requests that were in flight", ring.Index);
                }

                return queue;
            }

            // Where addresses are translated, this thread is the one that the translations come by: the thread of the queue opens it.
            ring.Worker = new RingWorker(ring.Index, gate is null ? Open() : null, handler, kick, ring.Signals, inflight, Statistics, OnWorkerFailed)
            {
                Gate = gate,
                OnStuck = OnWorkerStuck,
                OnSlow = OnWorkerSlow,
                OnBufferFault = OnBufferFault,
                StopTimeout = _options.StopTimeout,
            };
            if (gate is not null)
            {
                ring.Worker.OpenBy(Open, at);
            }
        }
        catch
        {
            handler?.Dispose();
            kick?.Dispose();
            throw;
        }

        ring.Enabled |= !RingsWantEnabling;
        ResumeIfEnabled(ring);
    }

    private void ResumeIfEnabled(Ring ring)
    {
        if (ring.Enabled && MayServe)
        {
            ring.Worker?.Resume();
        }
        else
        {
            ring.Worker?.Pause();
        }
    }

    private void Stop(Ring ring, string reason, bool report)
    {
        if (ring.Worker is { IsAbandoned: false } worker)
        {
            worker.Pause();
            VringBase at = worker.Base;
            ring.Base = at.Number;
            ring.Worker = null;
            worker.Dispose();
            if (report)
            {
                Report(VhostUserEventKind.RingStopped, $"at index {at}: {reason}", ring.Index);
            }
        }
    }

    private void StopAll(string reason)
    {
        BeginPauseAll();
        foreach (Ring ring in _rings)
        {
            Stop(ring, reason, report: true);
            ring.Enabled = false;
        }
    }

    /// <summary>Asks all workers to stop, so that they are drained at the same time.</summary>
    private void BeginPauseAll()
    {
        foreach (Ring ring in _rings)
        {
            ring.Worker?.BeginPause();
        }

        RingWorker.FreeAll([.. _rings.Select(static ring => ring.Worker).OfType<RingWorker>()]);
    }

    private void ReplyBase(Ring ring)
    {
        Span<uint> payload = [(uint)ring.Index, ring.Base];
        Reply(VhostUserMessage.GetVringBase, MemoryMarshal.AsBytes(payload));
    }

    private void OnWorkerStuck(RingWorker worker, string requests) => Report(
        VhostUserEventKind.QueueStuck,
        string.Create(CultureInfo.InvariantCulture, $"{requests}: it is waited for, {_options.StopTimeout.TotalSeconds} seconds at most, before another front end is served"),
        worker.Index);

    /// <summary>Called on the worker's thread.</summary>
    private void OnWorkerSlow(RingWorker worker, string requests) => Report(VhostUserEventKind.RequestSlow, requests, worker.Index);

    /// <summary>Called on the worker's thread.</summary>
    private void OnBufferFault(RingWorker worker, string text, GuestMemoryFault fault) =>
        Report(Event(VhostUserEventKind.BufferFault, text, queue: worker.Index) with { Fault = fault });

    /// <summary>Called on the worker's thread, which ends then.</summary>
    private void OnWorkerFailed(RingWorker worker, GuestMemoryFault fault, VirtQueueError error, Exception? exception)
    {
        if (exception is ProtocolViolation violation)
        {
            Fail(Event(VhostUserEventKind.ProtocolError, violation.Message, queue: worker.Index));
        }
        else if (exception is not null)
        {
            Fail(Event(VhostUserEventKind.DeviceFailed, exception.Message, queue: worker.Index) with { Exception = exception });
        }
        else if (fault is { IsFault: true, Kind: not (GuestMemoryFaultKind.OutOfRange or GuestMemoryFaultKind.Misaligned), Cause: not FaultCause.Translation })
        {
            Fail(Event(VhostUserEventKind.MemoryLost, fault.ToString(), queue: worker.Index) with { Fault = fault });
        }
        else
        {
            Report(Event(VhostUserEventKind.RingBroken, error.ToString(), queue: worker.Index) with { Fault = fault.IsFault ? fault : null });
        }
    }
}
