using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;

namespace Hyperspan.VhostUser.Interop;

/// <summary>poll(2) on one descriptor and the event that ends the wait.</summary>
internal static unsafe class Waiting
{
    /// <summary>Waits until a descriptor has something to read, or the time is over.</summary>
    /// <returns>Whether it has.</returns>
    internal static bool ForInput(SafeHandle handle, EventDescriptor stop, TimeSpan timeout) =>
        !For(handle, PollEvents.In, stop, Milliseconds(timeout), out PollEvents ready) && ready != PollEvents.None;

    /// <summary>Waits until an event is signalled, or the time is over; it is not reset.</summary>
    /// <returns>Whether it is.</returns>
    internal static bool ForEvent(EventDescriptor signal, TimeSpan timeout) => For(null, PollEvents.None, signal, Milliseconds(timeout), out _);

    /// <summary>Waits until a descriptor is ready or the event is signalled.</summary>
    /// <param name="handle">The descriptor, or <see langword="null"/> to wait for the event alone.</param>
    /// <param name="events">What to wait for.</param>
    /// <param name="stop">The event; it is not reset.</param>
    /// <param name="timeoutMilliseconds">How long to wait at most; forever if negative.</param>
    /// <param name="returned">What the descriptor is ready for; zero after a timeout.</param>
    /// <returns>Whether the event was signalled.</returns>
    internal static bool For(SafeHandle? handle, PollEvents events, EventDescriptor stop, int timeoutMilliseconds, out PollEvents returned)
    {
        long end = timeoutMilliseconds < 0 ? long.MaxValue : Environment.TickCount64 + timeoutMilliseconds;
        PollEntry* entries = stackalloc PollEntry[2];
        bool held = false;
        bool stopHeld = false;
        try
        {
            // The numbers must not be given to another file during the call.
            stop.Handle.DangerousAddRef(ref stopHeld);
            handle?.DangerousAddRef(ref held);
            entries[0] = new PollEntry { Descriptor = (int)stop.Handle.DangerousGetHandle(), Events = PollEvents.In };
            entries[1] = new PollEntry { Descriptor = handle is null ? -1 : (int)handle.DangerousGetHandle(), Events = events };
            while (true)
            {
                int left = timeoutMilliseconds < 0 ? -1 : (int)Math.Max(0, end - Environment.TickCount64);

                // SAFETY: two entries on this stack.
                int ready = LibC.Poll(entries, 2, left);
                if (ready >= 0)
                {
                    returned = entries[1].Returned;
                    return entries[0].Returned != PollEvents.None;
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
            if (held)
            {
                handle!.DangerousRelease();
            }

            if (stopHeld)
            {
                stop.Handle.DangerousRelease();
            }
        }
    }

    private static int Milliseconds(TimeSpan timeout) => (int)Math.Clamp(timeout.TotalMilliseconds, 0, int.MaxValue);
}
