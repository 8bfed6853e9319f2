using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;

namespace Hyperspan.Virtio;

/// <summary>poll(2) on what the thread of a queue waits for.</summary>
internal static unsafe class EventWait
{
    private const int Count = 3;

    /// <summary>Waits until one of the descriptors can be read.</summary>
    internal static QueueWake For(SafeHandle? kick, SafeHandle? stop, SafeHandle completion, int timeoutMilliseconds)
    {
        long end = timeoutMilliseconds < 0 ? long.MaxValue : Environment.TickCount64 + timeoutMilliseconds;
        using HeldDescriptor heldKick = HeldDescriptor.OrNone(kick);
        using HeldDescriptor heldStop = HeldDescriptor.OrNone(stop);
        using var heldCompletion = new HeldDescriptor(completion);
        PollEntry* entries = stackalloc PollEntry[Count];
        entries[0] = EntryOf(heldKick);
        entries[1] = EntryOf(heldStop);
        entries[2] = EntryOf(heldCompletion);
        int ready;
        do
        {
            int left = timeoutMilliseconds < 0 ? -1 : (int)Math.Max(0, end - Environment.TickCount64);

            // SAFETY: three entries on this stack.
            ready = LibC.Poll(entries, Count, left);
        }
        while (ErrorNumber.IsInterrupted(ready));

        if (ready < 0)
        {
            throw new IOException($"poll: {ErrorNumber.LastMessage}");
        }

        return Kick(entries[0].Returned)
            | (entries[1].Returned != PollEvents.None ? QueueWake.Stop : 0)
            | (entries[2].Returned != PollEvents.None ? QueueWake.Completion : 0);
    }

    /// <summary>What the state of the driver's event means.</summary>
    internal static QueueWake Kick(PollEvents returned) =>
        returned == PollEvents.None ? 0 : (returned & PollEvents.In) != PollEvents.None ? QueueWake.Kick : QueueWake.KickClosed;

    private static PollEntry EntryOf(HeldDescriptor held) => new() { Descriptor = held.Number, Events = PollEvents.In };
}
