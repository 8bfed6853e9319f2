using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.VhostUser.Interop;

/// <summary>
/// Descriptors that a peer has made. Their file may be served by a process, the peer itself, that never answers: then close(2), which tells it (FUSE), does not return,
/// and neither does a question about the file system.
/// </summary>
internal static class PeerDescriptor
{
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(100);

    /// <summary>Whether it is memory of the kernel: a memfd, or a file on tmpfs or huge pages. No others have seals to ask for; asking does not wait.</summary>
    internal static bool IsMemory(SafeFileHandle handle) => LibC.Fcntl(handle, FileCommand.GetSeals, 0) >= 0;

    /// <summary>Closes descriptors, and waits a moment at most for those whose file somebody else may serve.</summary>
    /// <param name="handles">The descriptors.</param>
    /// <param name="unclosed">Counts those that are not closed yet.</param>
    internal static void Close(IEnumerable<SafeFileHandle> handles, UnclosedDescriptors unclosed)
    {
        var closers = new List<Thread>();
        foreach (SafeFileHandle handle in handles)
        {
            if (IsMemory(handle) || EventDescriptor.KindOf(handle) is DescriptorKind.Event or DescriptorKind.Pipe)
            {
                handle.Dispose();
                continue;
            }

            unclosed.Add();
            try
            {
                var closer = new Thread(() =>
                {
                    handle.Dispose();
                    unclosed.Remove();
                })
                {
                    IsBackground = true,
                    Name = "vhost-user close",
                };
                closer.Start();
                closers.Add(closer);
            }
            catch (Exception e) when (e is OutOfMemoryException or ThreadStartException)
            {
                // It stays open, and counts: rather that than this thread, or the finalizer's, kept for ever.
                handle.SetHandleAsInvalid();
            }
        }

        long end = Environment.TickCount64 + (long)Patience.TotalMilliseconds;
        foreach (Thread closer in closers)
        {
            closer.Join((int)Math.Max(0, end - Environment.TickCount64));
        }
    }
}
