using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Interop.Linux;

/// <summary>What is done with an eventfd(2) of our own, which never waits.</summary>
internal static unsafe class EventCounter
{
    /// <summary>Makes one, with a count of zero.</summary>
    /// <exception cref="IOException">There are too many open files.</exception>
    internal static SafeFileHandle Create()
    {
        int descriptor = LibC.Eventfd(0, OpenFlags.CloseOnExec | OpenFlags.NonBlocking);
        return descriptor >= 0 ? new SafeFileHandle(descriptor, ownsHandle: true) : throw new IOException($"eventfd: {ErrorNumber.LastMessage}");
    }

    /// <summary>Adds one. A counter that is full stays so.</summary>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    internal static void Signal(SafeFileHandle counter)
    {
        ulong one = 1;
        nint written;
        do
        {
            // SAFETY: eight bytes of this stack.
            written = LibC.Write(counter, &one, sizeof(ulong));
        }
        while (ErrorNumber.IsInterrupted(written));
    }

    /// <summary>Takes the count and sets it to zero.</summary>
    /// <returns>The count; zero where nothing has been added.</returns>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    internal static ulong Take(SafeFileHandle counter)
    {
        ulong count = 0;
        nint read;
        do
        {
            // SAFETY: eight bytes of this stack.
            read = LibC.Read(counter, &count, sizeof(ulong));
        }
        while (ErrorNumber.IsInterrupted(read));

        return read < 0 ? 0 : count;
    }
}
