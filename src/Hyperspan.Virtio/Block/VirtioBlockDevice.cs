using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Text;
using Hyperspan.Interop.Linux;

namespace Hyperspan.Virtio;

/// <summary>A block device over a disk image (virtio 1.2, section 5.2): read, write, flush, discard, write zeroes, get id.</summary>
/// <remarks>
/// <para>
/// All members are safe to use from several threads at once, and handlers of different queues serve requests concurrently. Requests that overlap in time may
/// be served in any order, as the specification permits.
/// </para>
/// <para>Statuses, where the specification leaves a choice:</para>
/// <list type="bullet">
/// <item>A request without a device-writable byte has no room for a status: that breaks the queue (<see cref="VirtQueueErrorKind.MissingResponse"/>), as in QEMU.</item>
/// <item>A buffer that cannot be accessed, because the IOMMU or the memory refuses it, fails its request alone, if its status can be written: IOERR. Where not, or where the
/// memory has gone under the device (a peer has truncated its file), the queue is broken (<see cref="VirtQueueErrorKind.BufferFault"/>).</item>
/// <item>IOERR: a header of less than 16 bytes; data that is not a multiple of 512 bytes or reaches past the end of the disk; data in the direction that the type does
/// not have; writing to a read-only disk; more or longer discard and write zeroes segments than the configuration permits, or none; failures of the image.</item>
/// <item>UNSUPP: unknown types; types whose feature was not accepted; unknown flags of discard and write zeroes; unmap with discard.</item>
/// <item>GET_ID writes as much of the 20 bytes as there is room for.</item>
/// </list>
/// <para>The length in the used ring is the number of bytes written: data and status on success, the status byte alone on failure.</para>
/// <para>
/// A driver that does not accept VIRTIO_BLK_F_FLUSH has no way to make data durable, so each of its writes is flushed before it completes; so are
/// those of one that switched the cache off by VIRTIO_BLK_F_CONFIG_WCE. After a flush that failed, each flush and each write that needs one fails: what was lost is not
/// known.
/// </para>
/// </remarks>
[DebuggerDisplay("{Capacity} sectors, {QueueCount} queues, read-only: {IsReadOnly}")]
public sealed partial class VirtioBlockDevice : IVirtioDevice
{
    /// <summary>The name of the meter that block devices publish their figures by (<see cref="System.Diagnostics.Metrics.Meter"/>).</summary>
    public const string MeterName = "Hyperspan.Virtio";

    internal const int SectorSize = RawDiskImage.SectorSize;
    internal const int IdLength = 20;
    internal const uint MaxRanges = 32;

    // Discarding is quick however long the range is. Writing zeros may have to write them: a request is kept short enough not to hold up the queue for long.
    internal const uint MaxDiscardSectors = (2U << 30) / SectorSize;
    internal const uint MaxWriteZeroesSectors = (64U << 20) / SectorSize;

    private const int MostWorkers = 4;

    private readonly VirtioBlockOptions _options;
    private readonly byte[] _id = new byte[IdLength];
    private readonly bool _leaveOpen;
    private readonly FlushGate _flushes;
    private readonly FlushQueue _waiting;
    private readonly ThrottleGate? _throttle;
    private readonly List<BlockQueueHandler> _handlers = [];
    private readonly List<BlockQueueHandler> _forsaken = [];
    private bool _hasForsaken;
    private int _writeback = 1;
    private int _isWritebackChosen;

    /// <summary>Initializes a new instance of the <see cref="VirtioBlockDevice"/> class.</summary>
    /// <param name="image">The image.</param>
    /// <param name="options">How it is presented; <see langword="null"/> for the defaults.</param>
    /// <exception cref="ArgumentException">An option is out of range or does not fit the image.</exception>
    public VirtioBlockDevice(IDiskImage image, VirtioBlockOptions? options = null)
        : this(image, options, leaveOpen: false)
    {
    }

    /// <summary>Initializes a new instance of the <see cref="VirtioBlockDevice"/> class.</summary>
    /// <param name="image">The image.</param>
    /// <param name="options">How it is presented; <see langword="null"/> for the defaults.</param>
    /// <param name="leaveOpen">Whether the image stays open when the device is disposed.</param>
    /// <exception cref="ArgumentException">An option is out of range or does not fit the image.</exception>
    public VirtioBlockDevice(IDiskImage image, VirtioBlockOptions? options, bool leaveOpen)
    {
        ArgumentNullException.ThrowIfNull(image);
        Image = image;
        _flushes = new FlushGate(image.Flush);
        _waiting = new FlushQueue(FlushQuietly, Workers);
        _options = options ?? new VirtioBlockOptions();
        _leaveOpen = leaveOpen;
        Check(_options, image, nameof(options));
        Encoding.ASCII.GetBytes(_options.Id, _id);
        IsReadOnly = _options.ReadOnly || image.IsReadOnly;
        _throttle = _options.Throttle is { } throttle ? new ThrottleGate(throttle, _options.Clock) : null;
        OfferedFeatures = Offer();
        BlockMetrics.Add(this);
    }

    /// <summary>Initializes a new instance of the <see cref="VirtioBlockDevice"/> class, over a raw image that it opens and owns.</summary>
    /// <param name="path">A regular file or a block device, opened as by <see cref="RawDiskImage.Open(string, FileAccess)"/>, for reading alone where the options say so.</param>
    /// <param name="options">How it is presented; <see langword="null"/> for the defaults.</param>
    /// <exception cref="ArgumentException">An option is out of range or does not fit the image.</exception>
    /// <exception cref="DiskImageException">It cannot serve as an image; <see cref="DiskImageException.Error"/> says why.</exception>
    /// <exception cref="PlatformNotSupportedException">This is not 64-bit Linux.</exception>
    public VirtioBlockDevice(string path, VirtioBlockOptions? options = null)
        : this(OpenFor(path, options), options)
    {
    }

    /// <inheritdoc/>
    public VirtioDeviceType DeviceType => VirtioDeviceType.Block;

    /// <inheritdoc/>
    public ulong OfferedFeatures { get; }

    /// <inheritdoc/>
    public int QueueCount => _options.QueueCount;

    /// <inheritdoc/>
    public ushort MaxQueueSize => _options.MaxQueueSize;

    /// <summary>Gets a value indicating whether the guest may not write.</summary>
    public bool IsReadOnly { get; }

    /// <summary>Gets the size in sectors of 512 bytes.</summary>
    public ulong Capacity => Image.Length / SectorSize;

    internal IDiskImage Image { get; }

    internal string Name => _options.Name ?? _options.Id;

    /// <summary>Gets how many requests were taken and not yet answered.</summary>
    internal int InFlight
    {
        get
        {
            lock (_handlers)
            {
                return _handlers.Sum(static handler => handler.InFlight);
            }
        }
    }

    internal ReadOnlySpan<byte> Id => _id;

    /// <summary>Gets the threads that wait for flushes, discards and the writing of zeros.</summary>
    internal DiskWorkers Workers { get; } = new("virtio-blk", MostWorkers);

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">There is no such queue.</exception>
    public IVirtioQueueHandler CreateQueueHandler(int queueIndex, ulong acknowledgedFeatures)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(queueIndex);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(queueIndex, QueueCount);
        var handler = new BlockQueueHandler(this, Image.CreateChannel(), acknowledgedFeatures);
        lock (_handlers)
        {
            _handlers.Add(handler);
        }

        return handler;
    }

    /// <inheritdoc/>
    public void Reset()
    {
        Volatile.Write(ref _isWritebackChosen, 0);
        Volatile.Write(ref _writeback, 1);
    }

    /// <inheritdoc/>
    /// <remarks>A driver that can switch the cache off and cannot flush begins with it off (section 5.2.6.2), unless it has said otherwise.</remarks>
    public void AcceptFeatures(ulong acknowledgedFeatures)
    {
        if (Volatile.Read(ref _isWritebackChosen) == 0)
        {
            bool mustBeOff = (acknowledgedFeatures & (VirtioBlockFeatures.ConfigWriteback | VirtioBlockFeatures.Flush)) == VirtioBlockFeatures.ConfigWriteback;
            Volatile.Write(ref _writeback, mustBeOff ? 0 : 1);
        }
    }

    /// <summary>Disposes the image, unless it was to be left open. Handlers must have been stopped.</summary>
    public void Dispose()
    {
        BlockMetrics.Remove(this);
        _throttle?.Dispose();
        if (!_leaveOpen)
        {
            Image.Dispose();
        }
    }

    /// <summary>Makes everything written so far durable. After a failure nothing is called durable any more, whatever the image says.</summary>
    internal DiskResult Flush()
    {
        DiskResult result = FlushQuietly();
        if (!result.Succeeded)
        {
            Report(new BlockFailure(BlockRequestType.Flush, BlockStatus.IoError, result.ErrorNumber));
        }

        return result;
    }

    /// <summary>Whether a handler may take a request now; otherwise it is woken when it may.</summary>
    internal bool MayTake(BlockQueueHandler handler) => !_held.IsStopped && (_throttle is not { } throttle || throttle.MayBegin(handler));

    /// <summary>A request that is valid begins: it counts for the limits.</summary>
    internal void Charge(ulong bytes = 0) => _throttle?.Charge(bytes);

    /// <summary>Has a request told when all that was completed before it is durable.</summary>
    internal void BeginFlush(BlockRequest request) => _waiting.Begin(request);

    /// <summary>Keeps others from what a handler's requests may still write, though nobody waits for them any more.</summary>
    internal void Forsake(BlockQueueHandler handler)
    {
        lock (_forsaken)
        {
            _forsaken.Add(handler);
            Volatile.Write(ref _hasForsaken, true);
        }
    }

    /// <summary>The handler has ended: nothing of it is under way.</summary>
    internal void Forget(BlockQueueHandler handler)
    {
        lock (_handlers)
        {
            _handlers.Remove(handler);
        }

        _throttle?.Remove(handler);
        GiveUp(handler);

        lock (_forsaken)
        {
            _forsaken.Remove(handler);
            Volatile.Write(ref _hasForsaken, _forsaken.Count != 0);
        }
    }

    /// <summary>Whether a write that nobody waits for any more may still change a range.</summary>
    internal bool IsForsaken(ulong offset, ulong length) => Volatile.Read(ref _hasForsaken) && FindForsaken(offset, length);

    /// <summary>Tells whoever wants to know of a failed request.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "What the listener does wrong must not reach the guest.")]
    internal void Report(in BlockFailure failure)
    {
        try
        {
            _options.OnFailure?.Invoke(failure);
        }
        catch (Exception e)
        {
            Trace.TraceError(e.ToString());
        }
    }

    /// <summary>Whether writes may stay in a cache until the driver flushes (section 5.2.5.2).</summary>
    internal bool IsWriteback(ulong acknowledged) =>
        (acknowledged & VirtioBlockFeatures.ConfigWriteback) != 0
            ? Volatile.Read(ref _writeback) != 0
            : (acknowledged & VirtioBlockFeatures.Flush) != 0;

    /// <summary>Flushes, and leaves it to the caller to report a failure.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "An image of somebody else's that throws has failed to flush.")]
    internal DiskResult FlushQuietly()
    {
        try
        {
            return _flushes.Flush();
        }
        catch (Exception)
        {
            return DiskResult.FromErrorNumber(ErrorNumber.InputOutput);
        }
    }

    private bool FindForsaken(ulong offset, ulong length)
    {
        lock (_forsaken)
        {
            return _forsaken.Exists(handler => handler.MayStillWrite(offset, length));
        }
    }

    private static RawDiskImage OpenFor(string path, VirtioBlockOptions? options)
    {
        options ??= new VirtioBlockOptions();
        RawDiskImage image = RawDiskImage.Open(path, options.ReadOnly ? FileAccess.Read : FileAccess.ReadWrite);
        try
        {
            Check(options, image, nameof(options));
            return image;
        }
        catch
        {
            image.Dispose();
            throw;
        }
    }

    private static void Check(VirtioBlockOptions options, IDiskImage image, string parameter)
    {
        Demand(options.QueueCount is >= 1 and <= 256, "the number of queues must be from 1 to 256", parameter);
        Demand(BitOperations.IsPow2(options.MaxQueueSize) && options.MaxQueueSize <= VirtQueueLayout.MaxSize, "the queue size must be a power of two up to 32768", parameter);
        Demand(options.Id.Length <= IdLength && options.Id.All(c => c is >= ' ' and <= '~'), "the id must be at most 20 printable ASCII characters", parameter);
        Demand(
            BitOperations.IsPow2(options.LogicalBlockSize) && options.LogicalBlockSize is >= 512 and <= 65536,
            "the logical block size must be a power of two from 512 to 65536",
            parameter);
        Demand(
            BitOperations.IsPow2(options.PhysicalBlockSize) && options.PhysicalBlockSize >= options.LogicalBlockSize,
            "the physical block size must be a power of two, not below the logical one",
            parameter);
        Demand(options.MaxSegments >= 1, "at least one segment must be permitted", parameter);
        Demand(image.Length % (ulong)options.LogicalBlockSize == 0, "the size of the image is not a multiple of the logical block size", parameter);
    }

    private static void Demand([DoesNotReturnIf(false)] bool condition, string message, string parameter)
    {
        if (!condition)
        {
            throw new ArgumentException(message, parameter);
        }
    }

    private ulong Offer()
    {
        ulong features = VirtioFeatures.EveryQueue
            | VirtioBlockFeatures.SegmentMax
            | VirtioBlockFeatures.BlockSize
            | VirtioBlockFeatures.Topology
            | VirtioBlockFeatures.Flush
            | (QueueCount > 1 ? VirtioBlockFeatures.MultiQueue : 0);
        if (!IsReadOnly)
        {
            features |= VirtioBlockFeatures.ConfigWriteback | VirtioBlockFeatures.Discard | VirtioBlockFeatures.WriteZeroes;
        }

        if (_options.WriteThrough)
        {
            features &= ~(VirtioBlockFeatures.Flush | VirtioBlockFeatures.ConfigWriteback);
        }

        return (features & _options.FeatureMask) | VirtioFeatures.Version1 | (IsReadOnly ? VirtioBlockFeatures.ReadOnly : 0);
    }
}
