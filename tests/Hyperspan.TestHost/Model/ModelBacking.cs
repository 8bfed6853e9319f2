using Hyperspan.Guarding;
using Hyperspan.TestHost.Storms;
using Hyperspan.Tests;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.TestHost.Model;

/// <summary>A backing and what it should hold: bytes in an array, and a state for each page.</summary>
internal sealed unsafe partial class ModelBacking : IDisposable
{
    private const int GuestPageSize = GuestAddress.PageSize;

    private readonly PageState[] _states;
    private readonly bool[] _readable;
    private readonly bool[] _writable;
    private readonly SafeFileHandle? _file;

    public ModelBacking(BackingKind kind, int pages)
    {
        Kind = kind;
        Pages = pages;
        Bytes = new byte[pages * PageSize];
        Locks = new int[pages];
        _states = new PageState[pages];
        _readable = new bool[pages];
        _writable = new bool[pages];
        Array.Fill(_readable, value: true);
        Array.Fill(_writable, value: true);
        ulong length = (ulong)Bytes.Length;
        switch (kind)
        {
            case BackingKind.Heap:
                Real = new HeapBacking(length);
                break;
            case BackingKind.Shared:
                Real = new SharedBacking(length);
                break;
            case BackingKind.Sparse or BackingKind.Blocking:
                Real = Sparse = MemoryZoo.Committed(length, kind == BackingKind.Blocking ? FaultBehavior.MayBlock : FaultBehavior.MayFault);
                break;
            case BackingKind.File:
                _file = MemoryZoo.MemoryFile(length);
                Real = new FileBacking(_file, FileAccess.ReadWrite);
                break;
            case BackingKind.FileReadOnly:
                _file = MemoryZoo.MemoryFile(length);
                new Random(7).NextBytes(Bytes);
                RandomAccess.Write(_file, Bytes, 0);
                Real = new FileBacking(_file, FileAccess.Read);
                break;
            case BackingKind.Foreign:
                _file = MemoryZoo.MemoryFile(length);
                Real = new ForeignBacking(_file, 0, length);
                break;
            case BackingKind.Device or BackingKind.DeviceWithoutCompareExchange:
                Real = _device = new FallbackBacking(Bytes.Length) { SupportsCompareExchange = kind == BackingKind.Device };
                break;
            case BackingKind.OnTouch:
                Real = new HandlingMemory(pages, fallsBack: false);
                _states[^1] = PageState.Refused;
                _states[^2] = PageState.ReadOnlyZeros;
                break;
            case BackingKind.FallbackOnFault:
                Real = _handling = new HandlingMemory(pages, fallsBack: true);
                break;
            case BackingKind.RestrictedHeap:
                Real = _restricted = new RestrictedBacking(new HeapBacking(length));
                break;
            default:
                Sparse = MemoryZoo.Committed(length);
                Real = _restricted = new RestrictedBacking(Sparse);
                break;
        }
    }

    /// <summary>
    /// Gets or sets the size of the pages that change as a whole: 4 KiB, or more where the system maps by more. Answers depend on it, so it is set before anything is made.
    /// Pins and bitmaps go by 4 KiB whatever it is.
    /// </summary>
    public static int PageSize { get; set; } = GuestPageSize;

    public BackingKind Kind { get; }

    public int Pages { get; }

    public byte[] Bytes { get; }

    /// <summary>How often each page is locked.</summary>
    public int[] Locks { get; }

    public GuestMemoryBacking Real { get; }

    public SparseBacking? Sparse { get; }

    /// <summary>The pages of 4 KiB of some page.</summary>
    public static IEnumerable<ulong> GuestPages(int page) =>
        Enumerable.Range(page * (PageSize / GuestPageSize), PageSize / GuestPageSize).Select(number => (ulong)number);

    public bool IsWritable => Kind != BackingKind.FileReadOnly;

    public bool IsLockable => Kind is not (BackingKind.Device or BackingKind.DeviceWithoutCompareExchange or BackingKind.FallbackOnFault);

    public void Dispose()
    {
        Real.Dispose();
        _file?.Dispose();
    }

    /// <summary>The fault that an access to one byte meets; the address is the offset here.</summary>
    public ExpectedFault? Check(int offset, AccessType access, bool exchanges)
    {
        int page = offset / PageSize;
        bool write = access == AccessType.Write;
        if (_device is not null)
        {
            return exchanges && Kind == BackingKind.DeviceWithoutCompareExchange
                ? Fault(GuestMemoryFaultKind.NoFallback, FaultCause.Backing)
                : _device.Hole == (ulong)offset ? Fault(GuestMemoryFaultKind.VtlProtected, FaultCause.Backing) : null;
        }

        if (!(write ? _writable : _readable)[page])
        {
            return Fault(GuestMemoryFaultKind.Restricted, FaultCause.AccessBitmap);
        }

        return _states[page] switch
        {
            PageState.Hole or PageState.None => Fault(GuestMemoryFaultKind.Unmapped, FaultCause.SegmentationFault),
            PageState.PastEnd => Fault(GuestMemoryFaultKind.Unmapped, FaultCause.BusError),
            PageState.ReadOnly when write => Fault(GuestMemoryFaultKind.ReadOnly, FaultCause.SegmentationFault),
            PageState.Refused => Fault(GuestMemoryFaultKind.Other, FaultCause.SegmentationFault),
            PageState.ReadOnlyZeros when write => Fault(GuestMemoryFaultKind.Other, FaultCause.SegmentationFault),
            _ => null,
        };

        ExpectedFault Fault(GuestMemoryFaultKind kind, FaultCause cause) => new(kind, cause, (ulong)offset);
    }

    /// <summary>The lowest fault in a part; bytes of one page differ only in devices.</summary>
    public ExpectedFault? Check(int offset, int length, AccessType access, bool exchanges)
    {
        int end = offset + length;
        for (int at = offset; at < end;)
        {
            int pageEnd = Math.Min(end, (at / PageSize * PageSize) + PageSize);
            if (Check(at, access, exchanges) is { } fault)
            {
                return fault;
            }

            if (_device?.Hole is { } hole && hole >= (ulong)at && hole < (ulong)pageEnd)
            {
                return Check((int)hole, access, exchanges);
            }

            at = pageEnd;
        }

        return null;
    }

    /// <summary>Reads what is really there, past bitmaps and faults; false where nothing is mapped.</summary>
    public bool TryReadRaw(int offset, Span<byte> bytes)
    {
        if (RawArray(offset) is { } array)
        {
            array.AsSpan(offset, bytes.Length).CopyTo(bytes);
            return true;
        }

        fixed (byte* pinned = bytes)
        {
            return Guard.Copy(pinned, Real.Mapping + offset, (nuint)bytes.Length, mayBlock: true).Ok;
        }
    }

    /// <summary>Puts the bytes of the model back, where an access was allowed to leave either; the part lies in one page.</summary>
    public void RestoreRaw(int offset, int length)
    {
        ReadOnlySpan<byte> bytes = Bytes.AsSpan(offset, length);
        if (RawArray(offset) is { } array)
        {
            bytes.CopyTo(array.AsSpan(offset));
            return;
        }

        fixed (byte* pinned = bytes)
        {
            _ = Guard.Copy(Real.Mapping + offset, pinned, (nuint)length, mayBlock: true);
        }
    }

    private byte[]? RawArray(int offset) =>
        _device?.Bytes ?? (_handling is not null && offset / PageSize % 2 == 1 ? _handling.Device : null);

    private enum PageState
    {
        Accessible,
        Hole,
        None,
        ReadOnly,
        ReadOnlyZeros,
        PastEnd,
        Refused,
    }
}
