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
        using var heldStop = new HeldDescriptor(stop.Handle);
        using HeldDescriptor held = HeldDescriptor.OrNone(handle);
        PollEntry* entries = stackalloc PollEntry[2];
        entries[0] = new PollEntry { Descriptor = heldStop.Number, Events = PollEvents.In };
        entries[1] = new PollEntry { Descriptor = held.Number, Events = events };
        int ready;
        do
        {
            int left = timeoutMilliseconds < 0 ? -1 : (int)Math.Max(0, end - Environment.TickCount64);

            // SAFETY: two entries on this stack.
            ready = LibC.Poll(entries, 2, left);
        }
        while (ErrorNumber.IsInterrupted(ready));

        if (ready < 0)
        {
            throw new IOException($"poll: {ErrorNumber.LastMessage}");
        }

        returned = entries[1].Returned;
        return entries[0].Returned != PollEvents.None;
    }

    /// <summary>Waits as long as it takes until one of two descriptors has something to read or has ended, or the event is signalled.</summary>
    /// <param name="first">The first descriptor.</param>
    /// <param name="second">The second one.</param>
    /// <param name="secondEvents">What is waited for of the second one besides its end.</param>
    /// <param name="stop">The event; it is not reset.</param>
    /// <param name="isSecond">Whether it is the second descriptor; the others may be ready too.</param>
    /// <returns>Whether it is the first descriptor, or the event.</returns>
    internal static bool ForEither(SafeHandle first, SafeHandle second, PollEvents secondEvents, EventDescriptor stop, out bool isSecond)
    {
        using var heldStop = new HeldDescriptor(stop.Handle);
        using var heldFirst = new HeldDescriptor(first);
        using var heldSecond = new HeldDescriptor(second);
        PollEntry* entries = stackalloc PollEntry[3];
        entries[0] = new PollEntry { Descriptor = heldStop.Number, Events = PollEvents.In };
        entries[1] = new PollEntry { Descriptor = heldFirst.Number, Events = PollEvents.In };
        entries[2] = new PollEntry { Descriptor = heldSecond.Number, Events = secondEvents };
        int ready;
        do
        {
            // SAFETY: three entries on this stack.
            ready = LibC.Poll(entries, 3, -1);
        }
        while (ErrorNumber.IsInterrupted(ready));

        if (ready < 0)
        {
            throw new IOException($"poll: {ErrorNumber.LastMessage}");
        }

        isSecond = entries[2].Returned != PollEvents.None;
        return entries[0].Returned != PollEvents.None || entries[1].Returned != PollEvents.None;
    }

    private static int Milliseconds(TimeSpan timeout) => (int)Math.Clamp(timeout.TotalMilliseconds, 0, int.MaxValue);
}
