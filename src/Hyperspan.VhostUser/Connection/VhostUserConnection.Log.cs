using System.Runtime.InteropServices;

using Hyperspan.VhostUser.Interop;
using Hyperspan.Virtio;

namespace Hyperspan.VhostUser;

/// <content>The log of what is written, for a front end that migrates its guest.</content>
/// <remarks>
/// Whatever changes what is logged, or where, happens while nothing is in flight: each write is in the log that was there when its request was taken, and before that one
/// is replaced the front end has not been answered. Off, the guest's memory has nobody to tell of writes, and none of them looks for the log.
/// </remarks>
public sealed partial class VhostUserConnection
{
    /// <summary>VHOST_F_LOG_ALL: a feature bit that no device has, by which the front end has writes logged.</summary>
    internal const ulong LogAllBit = 1UL << 26;

    private MigrationLog? _writeLog;
    private IDisposable? _logging;

    /// <summary>
    /// Whether rings may be served: not where writes are to be logged and there is no log so far. Without the protocol feature there never is one, and nothing to log to.
    /// </summary>
    private bool MayServe =>
        (_features & LogAllBit) == 0 || _writeLog is not null || (_protocolFeatures & VhostUserProtocolFeatures.LogSharedMemory) == 0;

    private void SetLogBase(ReadOnlySpan<byte> payload, Descriptors descriptors)
    {
        ProtocolViolation.Unless(descriptors.Count == 1, "there is no descriptor");
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(payload);
        var log = new MigrationLog(descriptors[0], words[0], words[1], _options, OnLogLost);
        try
        {
            RequireLogged(log, _memory);
        }
        catch
        {
            log.Close(inUse: false);
            throw;
        }

        PauseAll();
        MigrationLog? before = _writeLog;
        _writeLog = log;
        UpdateLogging();

        // Nobody is in it: what was in flight has returned.
        before?.Close(inUse: false);
        Report(VhostUserEventKind.LogChanged, $"0x{log.Size:x} bytes for what is written{((_features & LogAllBit) != 0 ? "" : ", not used yet")}");
        ResumeAll();
        Reply(VhostUserMessage.SetLogBase, 0UL);
    }

    /// <summary>Has what is written to the memory of now logged, or not any more. Nothing is in flight.</summary>
    private void UpdateLogging()
    {
        IDisposable? before = _logging;
        _logging = null;
        if (_writeLog is { } log && (_features & LogAllBit) != 0)
        {
            log.Rings = RingsLoggedElsewhere();
            _logging = _memory.Memory.ObserveWrites(log);
        }

        before?.Dispose();
    }

    /// <summary>Checks that the log has a bit for each page that may be written.</summary>
    /// <exception cref="ProtocolViolation">It has not.</exception>
    private void RequireLogged(MigrationLog log, MemoryTable memory)
    {
        if (memory.Memory.Last is { } last)
        {
            ProtocolViolation.Unless(log.Covers(last.Value, 1), $"the log of 0x{log.Size:x} bytes ends before the memory, whose last address is {last}");
        }

        foreach (Ring ring in _rings)
        {
            RequireLogged(log, ring);
        }
    }

    private void RequireLogged(MigrationLog? log, Ring ring)
    {
        if (log is not null && !IsTranslated && ring.Place is { IsLogged: true } place)
        {
            ProtocolViolation.Unless(
                log.Covers(place.LogAddress, VirtQueueLayout.UsedRingLength(ring.Size, RingFeatures)),
                $"the log of 0x{log.Size:x} bytes ends before the used ring {ring.Index}, which is logged at 0x{place.LogAddress:x}");
        }
    }

    private List<RingLog> RingsLoggedElsewhere()
    {
        // Where addresses are translated, it is an address of those: what is written is logged where it arrives.
        var rings = new List<RingLog>();
        if (IsTranslated)
        {
            return rings;
        }

        foreach (Ring ring in _rings)
        {
            ulong length = VirtQueueLayout.UsedRingLength(ring.Size, RingFeatures);
            if (ring.Place is { IsLogged: true } place && _memory.TryTranslate(place.UsedRing, length, out GuestAddress used) && used.Value != place.LogAddress)
            {
                rings.Add(new RingLog(used.Value, length, place.LogAddress));
            }
        }

        return rings;
    }

    private void PauseAll()
    {
        BeginPauseAll();
        foreach (Ring ring in _rings)
        {
            ring.Worker?.Pause();
        }
    }

    private void ResumeAll()
    {
        foreach (Ring ring in _rings)
        {
            ResumeIfEnabled(ring);
        }
    }

    /// <summary>Called by whoever has written, on any thread.</summary>
    private void OnLogLost(GuestMemoryFault fault) => Fail(Event(VhostUserEventKind.MemoryLost, fault.ToString()) with { Fault = fault });
}
