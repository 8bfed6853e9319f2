using System.Globalization;
using Hyperspan.Guarding;

namespace Hyperspan;

/// <summary>
/// What stands behind a region of guest memory: a mapping in this process, fallback methods, or both. Derive from it to provide memory;
/// use <see cref="GuestMemory"/> to access it.
/// </summary>
/// <remarks>
/// <para>
/// A backing is given offsets in bytes from its own start, never guest-physical addresses. An access goes to the mapping first. When the mapping cannot serve
/// it, <see cref="OnPageFault"/> decides; where there is no mapping, the fallback methods are called at once.
/// </para>
/// <para>
/// All methods may be called from any thread, several at once. The handler and the fallback methods run on the accessing thread in ordinary managed code,
/// outside any RCU section and without any pin held: they may block, allocate, map memory and access guest memory themselves.
/// None is running when <see cref="Release"/> is called, and none is called after it.
/// </para>
/// </remarks>
public abstract partial class GuestMemoryBacking
{
    /// <summary>Gets the length in bytes. It must not change.</summary>
    public abstract ulong Length { get; }

    /// <summary>
    /// Gets the address of the mapping of all <see cref="Length"/> bytes, or <see langword="null"/> where there is none (then only the fallback methods are used).
    /// </summary>
    /// <remarks>
    /// It must not change, and the address range must stay reserved for as long as anything refers to this object, also after it was disposed, until
    /// <see cref="ReleaseAddresses"/>: an access may be under way. What is mapped inside the range may come and go, unless <see cref="FaultBehavior"/> is
    /// <see cref="FaultBehavior.Never"/>.
    /// </remarks>
    public virtual unsafe byte* Mapping => null;

    /// <summary>Gets what accesses to the mapping can meet. It must not change. The default is <see cref="FaultBehavior.MayFault"/>.</summary>
    public virtual FaultBehavior FaultBehavior => FaultBehavior.MayFault;

    /// <summary>Gets a value indicating whether the memory can be written at all. Where not, writes fail with <see cref="GuestMemoryFaultKind.ReadOnly"/>.</summary>
    public virtual bool IsWritable => true;

    /// <summary>Gets the name used in faults.</summary>
    public virtual string Name => GetType().Name;

    /// <summary>
    /// Gets what may be done with each page, or <see langword="null"/> where every page may be accessed. At least as long as this backing; only looked at where there
    /// is a mapping. Accesses are slower under bitmaps, also where they permit everything.
    /// </summary>
    public AccessBitmaps? AccessBitmaps { get; init; }

    /// <summary>
    /// Gets the address of the mapping in the I/O address space of a user-mode device driver whose device does not go through an IOMMU,
    /// or <see langword="null"/> where it has none.
    /// </summary>
    public virtual ulong? BaseIova => null;

    /// <summary>Gets a value indicating whether pages can be pinned at all. Authoritative: where it is <see langword="false"/>, no pin is tried.</summary>
    public virtual unsafe bool IsPinnable => Mapping != null;

    /// <summary>Called when an access through the mapping fails: by a clear bit in the access bitmap, or by a fault of the mapping.</summary>
    /// <param name="fault">What was accessed and how.</param>
    /// <returns>
    /// Whether to fail, to retry, or to call the fallback method for the rest of the access. The default fails with
    /// <see cref="GuestMemoryFaultKind.Restricted"/>, with <see cref="GuestMemoryFaultKind.ReadOnly"/> where a page that refused to be written can be read,
    /// and otherwise with <see cref="GuestMemoryFaultKind.Unmapped"/>.
    /// </returns>
    /// <remarks>An exception thrown here ends the access with a fault of kind <see cref="GuestMemoryFaultKind.Other"/> that carries it.</remarks>
    protected internal virtual unsafe PageFaultAction OnPageFault(in PageFault fault)
    {
        if (fault.BitmapFailure)
        {
            return PageFaultAction.Fail(GuestMemoryFaultKind.Restricted);
        }

        // SAFETY: a guarded load of one byte inside the mapping, which stays reserved.
        bool readable = fault is { IsWrite: true, Cause: FaultCause.SegmentationFault }
            && Guard.ProbeRead(Mapping + fault.Offset, FaultBehavior == FaultBehavior.MayBlock).Ok;
        return PageFaultAction.Fail(readable ? GuestMemoryFaultKind.ReadOnly : GuestMemoryFaultKind.Unmapped);
    }

    /// <summary>Reads without the mapping. The default fails with <see cref="GuestMemoryFaultKind.NoFallback"/>.</summary>
    /// <param name="offset">Where to read, in bytes from the start of this backing; the whole range is in bounds.</param>
    /// <param name="destination">Receives the bytes; all of them, on success. It may be guest memory itself, changing meanwhile.</param>
    /// <returns>Success, or the lowest offset that could not be read.</returns>
    protected internal virtual BackingResult ReadFallback(ulong offset, Span<byte> destination) =>
        BackingResult.Fail(GuestMemoryFaultKind.NoFallback, offset);

    /// <summary>Writes without the mapping. The default fails with <see cref="GuestMemoryFaultKind.NoFallback"/>.</summary>
    /// <param name="offset">Where to write, in bytes from the start of this backing; the whole range is in bounds.</param>
    /// <param name="source">The bytes. It may be guest memory itself, changing meanwhile: read each byte once.</param>
    /// <returns>Success, or the lowest offset that could not be written.</returns>
    protected internal virtual BackingResult WriteFallback(ulong offset, ReadOnlySpan<byte> source) =>
        BackingResult.Fail(GuestMemoryFaultKind.NoFallback, offset);

    /// <summary>Fills without the mapping. The default fails with <see cref="GuestMemoryFaultKind.NoFallback"/>.</summary>
    /// <param name="offset">Where to start, in bytes from the start of this backing; the whole range is in bounds.</param>
    /// <param name="value">The byte to write.</param>
    /// <param name="length">How many bytes to write.</param>
    /// <returns>Success, or the lowest offset that could not be written.</returns>
    protected internal virtual BackingResult FillFallback(ulong offset, byte value, ulong length) =>
        BackingResult.Fail(GuestMemoryFaultKind.NoFallback, offset);

    /// <summary>Compares and exchanges without the mapping. The default fails with <see cref="GuestMemoryFaultKind.NoFallback"/>.</summary>
    /// <param name="offset">Where, in bytes from the start of this backing; naturally aligned.</param>
    /// <param name="current">The expected bytes: 1, 2, 4 or 8. Receives the bytes found where they differ.</param>
    /// <param name="replacement">The bytes to write where the expected ones are found; as many.</param>
    /// <param name="exchanged">Whether the replacement was written.</param>
    /// <returns>Success (exchanged or not), or a failure.</returns>
    /// <remarks>It must be atomic with respect to whatever else accesses the same memory; the caller cannot see to that.</remarks>
    protected internal virtual BackingResult CompareExchangeFallback(
        ulong offset, Span<byte> current, ReadOnlySpan<byte> replacement, out bool exchanged)
    {
        exchanged = false;
        return BackingResult.Fail(GuestMemoryFaultKind.NoFallback, offset);
    }

    /// <summary>Prepares memory for having its virtual address handed to the kernel or to a device, as part of a pin. The default does nothing.</summary>
    /// <param name="offset">The first byte, in bytes from the start of this backing.</param>
    /// <param name="length">The length in bytes.</param>
    /// <returns>Success, or a failure, which fails the pin.</returns>
    protected internal virtual BackingResult ExposeAddress(ulong offset, ulong length) => BackingResult.Success;

    /// <summary>Pins pages: until they are unpinned, neither their mapping nor their protection may change. The default has nothing to pin.</summary>
    /// <param name="pageNumbers">Page numbers from the start of this backing. A page may be named more than once: then it is pinned more than once.</param>
    /// <param name="access">What the pages are pinned for.</param>
    /// <param name="unpinRequired">Whether <see cref="UnpinPages"/> must be called for them.</param>
    /// <returns>Success, or a failure with none of the pages pinned.</returns>
    protected internal virtual BackingResult PinPages(ReadOnlySpan<ulong> pageNumbers, AccessType access, out bool unpinRequired)
    {
        unpinRequired = false;
        return BackingResult.Success;
    }

    /// <summary>Unpins pages that <see cref="PinPages"/> pinned, named in the same order. Called once for each successful pin that required it.</summary>
    /// <param name="pageNumbers">Page numbers from the start of this backing.</param>
    protected internal virtual void UnpinPages(ReadOnlySpan<ulong> pageNumbers)
    {
    }

    /// <summary>
    /// Whether pages stay where they are for as long as they are pinned, whatever another process does: then spans over them may be handed out.
    /// The default says so where <see cref="FaultBehavior"/> is <see cref="FaultBehavior.Never"/>.
    /// </summary>
    /// <param name="firstPage">The first page number, from the start of this backing. The pages are pinned.</param>
    /// <param name="pageCount">The number of pages.</param>
    /// <returns>Whether they stay.</returns>
    protected internal virtual bool KeepsPinnedPages(ulong firstPage, ulong pageCount) => FaultBehavior == FaultBehavior.Never;

    /// <summary>
    /// Gets a value indicating whether <see cref="CreateSlice"/> has to be asked. The backings of this library leave all to the default, and are not; those of them that
    /// cannot fault leave <see cref="PinPages"/> to it as well, and are not asked for that either.
    /// </summary>
    internal virtual bool HasHooks => true;

    /// <summary>Says what this is: <c>SharedBacking 'ram', 0x10000000 bytes</c>.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{GetType().Name} '{Name}', 0x{Length:x} bytes");

    /// <summary>Makes a memory for a part of this backing in a way of its own, or leaves it to the default, which forwards everything to this backing.</summary>
    /// <param name="offset">The first byte of the part, in bytes from the start of this backing; the range is in bounds.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="allowPreemptivePinning">Whether the caller owns the range and so permits its pages to be pinned for faster access.</param>
    /// <param name="slice">The memory, of exactly <paramref name="length"/> bytes from address zero on, or <see langword="null"/> for the default.</param>
    /// <returns>Success, or a failure, which fails the slice.</returns>
    /// <remarks>What the caller gets is a view of that memory, closed with it and with the memory the slice was asked of. Another length fails the slice.</remarks>
    protected internal virtual BackingResult CreateSlice(
        ulong offset, ulong length, bool allowPreemptivePinning, out GuestMemory? slice)
    {
        slice = null;
        return BackingResult.Success;
    }

    /// <summary>Lists the parts that another process can map, in ascending order of offset. The default lists none.</summary>
    /// <returns>A snapshot. See <see cref="ShareableRegion.Handle"/> for how long its handles stay open.</returns>
    /// <exception cref="ObjectDisposedException">This backing has been disposed, and has handles that are closed by now.</exception>
    public virtual IReadOnlyList<ShareableRegion> GetShareableRegions() => [];

    /// <summary>Releases what the backing holds. Called exactly once, by <see cref="Dispose"/> or by the last pin or call still under way then.</summary>
    /// <remarks>
    /// The mapping's address range must stay reserved until nothing refers to this object: leave that to a finalizer, and to <see cref="ReleaseAddresses"/>.
    /// </remarks>
    protected virtual void Release()
    {
    }

    /// <summary>
    /// Gives the mapping's address range back before the finalizer would, after <see cref="Release"/> and only where <see cref="DisposeAndUnmap"/> was called:
    /// no access is under way. It may be called more than once. The default does nothing.
    /// </summary>
    protected virtual void ReleaseAddresses()
    {
    }
}
