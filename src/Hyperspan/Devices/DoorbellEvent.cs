using System.Diagnostics;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Devices;

/// <summary>What a doorbell signals: a callback, an event of .NET, an eventfd, or something of your own.</summary>
[DebuggerDisplay("eventfd {EventFileDescriptor}")]
public abstract class DoorbellEvent
{
    /// <summary>
    /// Gets the eventfd behind the event, or <see langword="null"/> where there is none. A partition on a hypervisor gives it to the kernel, which then signals it
    /// without <see cref="Signal"/> being called.
    /// </summary>
    public virtual SafeFileHandle? EventFileDescriptor => null;

    /// <summary>Makes an event that calls a method, on the thread that makes the write.</summary>
    /// <param name="callback">The method. It should be short, and should not throw: an exception becomes a fault of the write.</param>
    /// <returns>The event.</returns>
    public static DoorbellEvent FromCallback(Action callback)
    {
        ArgumentNullException.ThrowIfNull(callback);
        return new CallbackDoorbellEvent(callback);
    }

    /// <summary>Makes an event that sets an event of .NET.</summary>
    /// <param name="target">The event.</param>
    /// <returns>The event.</returns>
    public static DoorbellEvent FromEvent(ManualResetEventSlim target)
    {
        ArgumentNullException.ThrowIfNull(target);
        return new CallbackDoorbellEvent(target.Set);
    }

    /// <summary>Makes an event that adds one to an eventfd (eventfd(2)).</summary>
    /// <param name="descriptor">The eventfd. It stays the caller's, who closes it after the registration is disposed, or what it was made with.</param>
    /// <returns>The event.</returns>
    public static DoorbellEvent FromEventFileDescriptor(SafeFileHandle descriptor)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        return new FileDoorbellEvent(descriptor);
    }

    /// <summary>Signals the event. May be called from any thread, several at once.</summary>
    public abstract void Signal();
}
