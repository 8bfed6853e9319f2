using System.Runtime.InteropServices;

namespace Hyperspan.Virtio;

/// <summary>
/// A handler that keeps requests in flight when <see cref="IVirtioQueueHandler.Process"/> has returned. <see cref="RequestQueueHandler"/> is one to derive from.
/// </summary>
/// <remarks>
/// <para>
/// The thread of the queue alone touches the queue: it takes chains and returns them, in <see cref="IVirtioQueueHandler.Process"/>, whoever has completed them. Between
/// two calls it is in <see cref="Wait"/>. A call of <see cref="IVirtioQueueHandler.Process"/> that is to stop takes nothing new and returns what has been completed
/// meanwhile.
/// </para>
/// <para>
/// A queue that stops is drained: <see cref="CancelRequests"/> once, then <see cref="Wait"/> and <see cref="IVirtioQueueHandler.Process"/> until <see cref="InFlight"/>
/// is zero, then <see cref="Rest"/>. A transport may lose patience; it calls <see cref="Abandon"/> and leaves the thread, the queue and the memory behind until the last
/// request has come back.
/// </para>
/// </remarks>
public interface IOverlappedQueueHandler : IVirtioQueueHandler
{
    /// <summary>
    /// Gets or sets a value indicating whether requests may be in flight when <see cref="IVirtioQueueHandler.Process"/> has returned: for a transport that waits by
    /// <see cref="Wait"/>. Otherwise requests are done one after the other, and that call returns when all are, as it does for handlers that know no more. Set it before the first
    /// call.
    /// </summary>
    bool MayOverlap { get; set; }

    /// <summary>Gets how many requests have been taken and not yet been returned. Read by the thread of the queue.</summary>
    int InFlight { get; }

    /// <summary>Waits until there is something to do. Called by the thread of the queue.</summary>
    /// <param name="kick">The driver's event, or <see langword="null"/>. It is not reset.</param>
    /// <param name="stopping">The event to stop, or <see langword="null"/> while the queue is drained. It is not reset.</param>
    /// <param name="timeoutMilliseconds">How long to wait at most; without limit if negative.</param>
    /// <returns>Why it went on: <see cref="QueueWake.None"/> where the time is over, or a request has come a step further that is not done yet.</returns>
    QueueWake Wait(SafeHandle? kick, SafeHandle? stopping, int timeoutMilliseconds);

    /// <summary>
    /// Has <see cref="Wait"/> return soon: a chain that was held back (<see cref="VirtQueue.IsHeldBack"/>) may be taken by now. May be called by any thread. The
    /// default does nothing: then the
    /// queue is looked at after a while.
    /// </summary>
    void Wake()
    {
    }

    /// <summary>Asks requests in flight to end early where they can. They are still completed, each once. Called by the thread of the queue.</summary>
    void CancelRequests();

    /// <summary>The thread of the queue ends; nothing is in flight. Another one may go on later.</summary>
    void Rest();

    /// <summary>
    /// The requests in flight did not come back in time: nobody waits for them any more, and the device may serve others while they are still under way. May be called by
    /// any thread.
    /// </summary>
    void Abandon();

    /// <summary>Names requests that have been in flight for long, oldest first, for a log. May be called by any thread; what it finds may be over by then.</summary>
    /// <param name="age">How long at least.</param>
    /// <param name="most">How many at most.</param>
    /// <returns>One line for each.</returns>
    IReadOnlyList<string> DescribeInFlight(TimeSpan age, int most);
}
