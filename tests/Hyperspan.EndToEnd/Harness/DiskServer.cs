namespace Hyperspan.EndToEnd.Harness;

/// <summary>The back ends that can be put under a guest.</summary>
public enum DiskServer
{
    /// <summary>Ours: <c>hyperspan serve block</c>.</summary>
    Hyperspan,

    /// <summary>The reference: <c>qemu-storage-daemon</c>. What passes here proves the harness, what fails here is not our fault.</summary>
    StorageDaemon,
}
