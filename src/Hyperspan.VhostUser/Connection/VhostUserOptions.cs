using System.Diagnostics;

namespace Hyperspan.VhostUser;

/// <summary>How a back end behaves.</summary>
[DebuggerDisplay("features {FeatureMask}, {ProtocolFeatureMask}")]
public sealed class VhostUserOptions
{
    /// <summary>
    /// Gets what is told about everything that happens, or <see langword="null"/>. It is called from several threads, also from those that serve the queues, so
    /// it must be quick; what it throws is ignored.
    /// </summary>
    public Action<VhostUserEvent>? OnEvent { get; init; }

    /// <summary>Gets the features of the device, and bit 30 for the protocol features, that may be offered. The default is all that the device has.</summary>
    public ulong FeatureMask { get; init; } = ulong.MaxValue;

    /// <summary>Gets the protocol features that may be offered. The default is all.</summary>
    public VhostUserProtocolFeatures ProtocolFeatureMask { get; init; } = VhostUserProtocolFeatures.All;

    /// <summary>Gets how many regions of memory a front end may add one by one: 8 to 4096. Each holds a descriptor. The default is 128.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is not between those.</exception>
    public int MaximumMemorySlots
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, MessageRule.MostRegions);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, 4096);
            field = value;
        }
    } = 128;

    /// <summary>
    /// Gets how much memory a front end may share at a time, in bytes. All of it takes room among the addresses of this process, and while a table is replaced by another
    /// one both do; the room is given back when the connection ends. The default is 1 TiB.
    /// </summary>
    public ulong MaximumMemory { get; init; } = 1UL << 40;

    /// <summary>
    /// Gets how long a front end may take for the rest of a message it has begun, and for taking a reply, before the connection is closed. It may take as long
    /// as it likes before it begins one. The default is 10 seconds.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The time is not positive.</exception>
    public TimeSpan MessageTimeout { get; init => field = Positive(value); } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Gets how long requests in flight are waited for when their queue is to stop: because the front end asks for it, changes its memory, or has gone. After that the
    /// connection is closed with an event that names them, and the next front end is served; their memory and the thread of their queue stay until they return. The
    /// default is 30 seconds.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The time is not positive.</exception>
    public TimeSpan StopTimeout { get; init => field = Positive(value); } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Gets a value indicating whether addresses that go through the guest's IOMMU are offered (VIRTIO_F_ACCESS_PLATFORM). For front ends that translate them, such as QEMU with
    /// <c>iommu_platform=on</c>; one that does not know what it acknowledges, user-mode Linux for instance, does not work then. The default is no.
    /// </summary>
    public bool OfferAddressTranslation { get; init; }

    /// <summary>
    /// Gets a value indicating whether the reset of single queues is offered (VIRTIO_F_RING_RESET). For front ends that stop a queue (GET_VRING_BASE) when their guest resets it,
    /// before the guest is told that it is reset. QEMU 7.2 and 10 pass the feature on to guests of any device, and do so for network devices alone. The default is no.
    /// </summary>
    public bool OfferQueueReset { get; init; }

    /// <summary>
    /// Gets how long a translation that the front end was asked for is waited for, by the queue that wants it. Then it counts as refused by the IOMMU: what lies there cannot be
    /// accessed. What a front end says that it refuses (<see cref="VhostUserProtocolFeatures.ReplyAcknowledge"/>) is not waited for. The default is 30 seconds, for a front end may
    /// have no processor for a while.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The time is not positive.</exception>
    public TimeSpan TranslationTimeout { get; init => field = Positive(value); } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Gets a value indicating whether memory is accepted that is not served by the kernel alone: a file on a disk or, worse, one that the front end itself serves
    /// (FUSE) and so can make every access wait for ever, and with it the back end. The default is to accept memfd, tmpfs and huge pages alone.
    /// </summary>
    public bool AllowBlockingMemory { get; init; }

    /// <summary>Gets a value indicating whether a socket that nobody listens on any more is removed from the file system before listening. The default is no.</summary>
    public bool ReplaceStaleSocket { get; init; }

    /// <summary>Gets who may connect to a socket that is made: the permissions of the file, writing counts. The default is what the process's mask leaves.</summary>
    public UnixFileMode? SocketMode { get; init; }

    /// <summary>Gets the number of the group that a socket that is made is given to. The default is that of the process.</summary>
    public uint? SocketGroup { get; init; }

    private static TimeSpan Positive(TimeSpan value)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(value, TimeSpan.Zero);
        return value;
    }
}
