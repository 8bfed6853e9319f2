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
        PollEntry* entries = stackalloc PollEntry[Count];
        bool kickHeld = false;
        bool stopHeld = false;
        bool completionHeld = false;
        try
        {
            // The numbers must not be given to another file during the call.
            kick?.DangerousAddRef(ref kickHeld);
            stop?.DangerousAddRef(ref stopHeld);
            completion.DangerousAddRef(ref completionHeld);
            entries[0] = EntryOf(kick);
            entries[1] = EntryOf(stop);
            entries[2] = EntryOf(completion);
            while (true)
            {
                int left = timeoutMilliseconds < 0 ? -1 : (int)Math.Max(0, end - Environment.TickCount64);

                // SAFETY: three entries on this stack.
                if (LibC.Poll(entries, Count, left) >= 0)
                {
                    return Kick(entries[0].Returned)
                        | (entries[1].Returned != PollEvents.None ? QueueWake.Stop : 0)
                        | (entries[2].Returned != PollEvents.None ? QueueWake.Completion : 0);
                }

                int error = Marshal.GetLastPInvokeError();
                if (error != ErrorNumber.Interrupted)
                {
                    throw new IOException($"poll: {Marshal.GetPInvokeErrorMessage(error)}");
                }
            }
        }
        finally
        {
            Release(kick, kickHeld);
            Release(stop, stopHeld);
            Release(completion, completionHeld);
        }
    }

    /// <summary>What the state of the driver's event means.</summary>
    internal static QueueWake Kick(PollEvents returned) =>
        returned == PollEvents.None ? 0 : (returned & PollEvents.In) != PollEvents.None ? QueueWake.Kick : QueueWake.KickClosed;

    private static PollEntry EntryOf(SafeHandle? handle) =>
        new() { Descriptor = handle is null ? -1 : (int)handle.DangerousGetHandle(), Events = PollEvents.In };

    private static void Release(SafeHandle? handle, bool held)
    {
        if (held)
        {
            handle!.DangerousRelease();
        }
    }
}
