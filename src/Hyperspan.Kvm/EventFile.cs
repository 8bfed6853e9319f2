using System.Diagnostics;

using Hyperspan.Interop.Linux;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Kvm;

/// <summary>An eventfd(2): a counter that the kernel adds to when a doorbell rings, or takes from when an interrupt is to be raised.</summary>
/// <remarks>All members may be called from any thread.</remarks>
[DebuggerDisplay("eventfd {Handle}")]
public sealed unsafe class EventFile : IDisposable
{
    /// <summary>Initializes a new instance of the <see cref="EventFile"/> class, with a count of zero.</summary>
    /// <exception cref="IOException">There are too many open files.</exception>
    public EventFile() => Handle = EventCounter.Create();

    /// <summary>Gets the descriptor, closed with this object.</summary>
    public SafeFileHandle Handle { get; }

    /// <summary>Adds one. A counter that is full stays so.</summary>
    /// <exception cref="ObjectDisposedException">This has been disposed.</exception>
    public void Signal() => EventCounter.Signal(Handle);

    /// <summary>Takes the count and sets it to zero; does not wait.</summary>
    /// <returns>The count; zero where nothing has been added.</returns>
    /// <exception cref="ObjectDisposedException">This has been disposed.</exception>
    public ulong Take() => EventCounter.Take(Handle);

    /// <summary>Waits until the count is not zero; leaves it.</summary>
    /// <param name="timeout">How long; <see cref="Timeout.InfiniteTimeSpan"/> for as long as it takes.</param>
    /// <returns>Whether it is not zero.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="timeout"/> is negative otherwise, or longer than 2^31 milliseconds.</exception>
    /// <exception cref="ObjectDisposedException">This has been disposed.</exception>
    public bool Wait(TimeSpan timeout)
    {
        long milliseconds = timeout == Timeout.InfiniteTimeSpan ? -1 : (long)Math.Ceiling(timeout.TotalMilliseconds);
        ArgumentOutOfRangeException.ThrowIfLessThan(milliseconds, timeout == Timeout.InfiniteTimeSpan ? -1 : 0, nameof(timeout));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(milliseconds, int.MaxValue, nameof(timeout));
        long end = Environment.TickCount64 + milliseconds;
        using var held = new HeldDescriptor(Handle);
        var entry = new PollEntry { Descriptor = held.Number, Events = PollEvents.In };
        int ready;
        do
        {
            // SAFETY: one entry on this stack.
            ready = LibC.Poll(&entry, 1, milliseconds < 0 ? -1 : (int)Math.Max(0, end - Environment.TickCount64));
        }
        while (ErrorNumber.IsInterrupted(ready));

        return ready > 0;
    }

    /// <summary>Closes the descriptor. What the kernel was given stays with it until it is unregistered.</summary>
    public void Dispose() => Handle.Dispose();
}
