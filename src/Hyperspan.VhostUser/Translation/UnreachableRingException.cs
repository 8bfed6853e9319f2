using Hyperspan.Virtio;

namespace Hyperspan.VhostUser;

/// <summary>The IOMMU refuses what a ring lies in: nothing that a front end has done wrong.</summary>
internal sealed class UnreachableRingException : Exception
{
    private UnreachableRingException(VirtQueueError error)
        : base(error.ToString()) => Error = error;

    internal VirtQueueError Error { get; }

    /// <summary>Throws where that is so. What else may be wrong with a ring is said by whoever makes its queue.</summary>
    internal static void ThrowIfRefused(GuestMemory memory, in VirtQueueLayout layout, VirtQueueFeatures features)
    {
        if (!layout.TryValidate(memory, features, out VirtQueueError error) && error.Fault is { IsFault: true, Cause: FaultCause.Translation })
        {
            throw new UnreachableRingException(error);
        }
    }
}
