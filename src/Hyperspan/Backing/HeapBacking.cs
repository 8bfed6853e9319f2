using Hyperspan.Interop.Linux;

namespace Hyperspan;

/// <summary>
/// Private, zeroed, page-aligned memory of this process. It cannot fault, so it is accessed at the speed of a raw pointer; it cannot be shared.
/// </summary>
/// <remarks>
/// <para>Works on every system. All methods may be called from any thread.</para>
/// <para>
/// <see cref="GuestMemoryBacking.Dispose"/> gives the memory back to the system (on systems other than Linux: the finalizer does) and keeps
/// the addresses until nothing refers to this object.
/// </para>
/// </remarks>
public sealed unsafe partial class HeapBacking : GuestMemoryBacking
{
    private const ulong TransparentHugePageSize = 2UL << 20;

    private readonly AddressReservation? _reservation;
    private readonly bool _onLinux;

    /// <summary>Initializes a new instance of the <see cref="HeapBacking"/> class: memory of zeros.</summary>
    /// <param name="length">The length in bytes; rounded up to whole pages of 4 KiB unless the options say otherwise. Zero is allowed.</param>
    /// <param name="options">The options, or <see langword="null"/> for the defaults.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is more than can be mapped.</exception>
    /// <exception cref="ArgumentException">The alignment is no power of two from 4 KiB to 1 GiB.</exception>
    /// <exception cref="GuestMemoryMappingException">The system has not so much memory or address space left.</exception>
    /// <exception cref="OutOfMemoryException">The same, on systems other than Linux.</exception>
    public HeapBacking(ulong length, HeapBackingOptions? options = null)
        : this(length, options ?? new HeapBackingOptions(), OperatingSystem.IsLinux())
    {
    }

    /// <summary>Initializes a new instance of the <see cref="HeapBacking"/> class: memory that holds a copy of bytes, and is exactly as long.</summary>
    /// <param name="contents">The bytes.</param>
    /// <param name="options">The options, or <see langword="null"/> for the defaults.</param>
    /// <exception cref="ArgumentException">The alignment is no power of two from 4 KiB to 1 GiB.</exception>
    /// <exception cref="GuestMemoryMappingException">The system has not so much memory or address space left.</exception>
    public HeapBacking(ReadOnlySpan<byte> contents, HeapBackingOptions? options = null)
        : this((ulong)contents.Length, options)
    {
        Length = (ulong)contents.Length;

        // SAFETY: the mapping is as long as the bytes, writable, and known to nobody else yet.
        contents.CopyTo(new Span<byte>(Mapping, contents.Length));
        GC.KeepAlive(this);
    }

    internal override bool HasHooks => false;

    internal HeapBacking(ulong length, HeapBackingOptions options, bool onLinux)
    {
        PageMath.RequireMappableLength(length, nameof(length));
        PageMath.RequireAlignment(options.Alignment, nameof(options));
        ArgumentNullException.ThrowIfNull(options.Name, nameof(options));
        Name = options.Name;
        _onLinux = onLinux;
        ulong mapped = PageMath.RoundUp(length, PageMath.PageSize);
        Length = options.ExactLength ? length : mapped;
        if (length == 0)
        {
            return;
        }

        ulong alignment = options.HugePageAdvice == HugePageAdvice.Prefer
            ? Math.Max(options.Alignment, TransparentHugePageSize)
            : options.Alignment;
        _reservation = onLinux ? Map(mapped, alignment, options) : AddressReservation.AllocateFromHeap(mapped, alignment);
    }

    /// <inheritdoc/>
    public override ulong Length { get; }

    /// <inheritdoc/>
    public override byte* Mapping => _reservation is null ? null : _reservation.Address;

    /// <summary>Gets <see cref="FaultBehavior.Never"/>.</summary>
    public override FaultBehavior FaultBehavior => FaultBehavior.Never;

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    protected override void Release()
    {
        // The range stays readable and writable: an access that has passed its last check may still be under way. On other systems than
        // Linux the memory itself has to stay.
        if (_onLinux)
        {
            _reservation?.DropContents();
        }
    }

    /// <inheritdoc/>
    protected override void ReleaseAddresses() => _reservation?.GiveBack();

    private static AddressReservation Map(ulong length, ulong alignment, HeapBackingOptions options)
    {
        // With the kernel's promise of memory: better refused now than killed later, where the system keeps such promises.
        AddressReservation reservation = AddressReservation.Allocate(length, alignment, options.Name, noReserve: false);
        reservation.SetName(0, reservation.Length, options.Name);
        reservation.AdviseHugePages(0, reservation.Length, options.HugePageAdvice);
        if (options.Prefault && Populate(reservation) is not 0 and var error)
        {
            reservation.GiveBack();
            throw new GuestMemoryMappingException("prefault", error, options.Name, (0, length));
        }

        return reservation;
    }

    private static int Populate(AddressReservation reservation)
    {
        int error = reservation.Advise(0, reservation.Length, MemoryAdvice.PopulateWrite);
        if (error != ErrorNumber.InvalidArgument)
        {
            return error;
        }

        // A kernel before 5.14: touch every page. SAFETY: mapped, writable, known to nobody else yet.
        for (ulong offset = 0; offset < reservation.Length; offset += PageMath.PageSize)
        {
            Volatile.Write(ref reservation.Address[offset], 0);
        }

        return 0;
    }
}
