using System.Net.Sockets;
using Hyperspan.Guarding;

namespace Hyperspan.Snapshots;

/// <summary>
/// Gives a virtual machine monitor in another process the pages of its guest as it touches them, out of a snapshot: the protocol by which Firecracker hands its userfaultfd to a
/// page fault handler. Linux only.
/// </summary>
/// <remarks>
/// The monitor connects to a Unix stream socket and sends one message: a JSON array of its mappings (<c>base_host_virt_addr</c>, <c>size</c>, <c>offset</c>, <c>page_size</c>), and
/// the descriptor. Offsets are those of a memory file: the regions one after the other. What the monitor discards later (UFFD_EVENT_REMOVE) is zero from then on.
/// A page that cannot
/// be read is poisoned where the kernel can (Linux 6.6), so that the guest's access fails; elsewhere the connection ends.
/// </remarks>
public static class PageServer
{
    /// <summary>Serves one monitor, until it ends or its socket is closed.</summary>
    /// <param name="connection">The connected socket; it stays the caller's.</param>
    /// <param name="snapshot">The snapshot; it stays the caller's, and open.</param>
    /// <param name="cancellationToken">Ends it; the monitor then waits for pages that nobody brings.</param>
    /// <returns>A task that ends with the monitor, and gives the number of pages that were put in place.</returns>
    /// <exception cref="IOException">What the monitor sent is not what this protocol has, or a page could be neither read nor poisoned.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    /// <exception cref="PlatformNotSupportedException">This is not Linux.</exception>
    public static Task<ulong> ServeAsync(Socket connection, GuestMemorySnapshot snapshot, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(connection);
        ArgumentNullException.ThrowIfNull(snapshot);
        PlatformAbilities.Demand(HyperspanAbility.OnDemandMemory);
        return Task.Factory.StartNew(
            () =>
            {
                using PageServerConnection served = PageServerConnection.Accept(connection.SafeHandle, snapshot, cancellationToken);
                return served.Run(cancellationToken);
            },
            cancellationToken,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
    }
}
