namespace Hyperspan.Virtio;

/// <summary>Something that <see cref="DiskWorkers"/> do.</summary>
internal abstract class DiskJob
{
    /// <summary>Does it, on a thread that may wait. Called again for another round when it has been handed over again.</summary>
    internal abstract void Run();
}
