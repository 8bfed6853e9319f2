using System.Net.Sockets;
using Hyperspan.Interop.Linux;

namespace Hyperspan;

/// <summary>
/// Waits for sockets that block to their user while their descriptor does not: the runtime makes a descriptor non-blocking for good with the first asynchronous
/// operation.
/// </summary>
internal static unsafe class SocketReadiness
{
    /// <summary>After EAGAIN: waits until a transfer can go on, as long as the socket's timeout allows.</summary>
    /// <param name="socket">The socket.</param>
    /// <param name="events">What to wait for.</param>
    /// <returns>Whether to try again; not where the user made the socket non-blocking, nor after its timeout.</returns>
    internal static bool Wait(Socket socket, PollEvents events)
    {
        using var held = new HeldDescriptor(socket.SafeHandle);
        if (!socket.Blocking || (LibC.Fcntl(held.Number, FileCommand.GetFlags, 0) & (int)OpenFlags.NonBlocking) == 0)
        {
            // EAGAIN of a descriptor that blocks is its timeout.
            return false;
        }

        int timeout = events == PollEvents.In ? socket.ReceiveTimeout : socket.SendTimeout;
        long end = timeout <= 0 ? long.MaxValue : Environment.TickCount64 + timeout;
        int ready;
        do
        {
            var entry = new PollEntry { Descriptor = held.Number, Events = events };
            int left = timeout <= 0 ? -1 : (int)Math.Max(0, end - Environment.TickCount64);

            // SAFETY: one entry on this stack.
            ready = LibC.Poll(&entry, 1, left);
        }
        while (ErrorNumber.IsInterrupted(ready));

        return ready > 0;
    }
}
