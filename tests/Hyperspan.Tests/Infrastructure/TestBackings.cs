namespace Hyperspan.Tests;

/// <summary>A sparse mapping with optional bitmaps, as a user's own backing would wrap one.</summary>
internal unsafe class MappedBacking : GuestMemoryBacking
{
    private readonly byte[]? _readBits;
    private readonly byte[]? _writeBits;
    private readonly ulong _bitOffset;

    internal MappedBacking(SparseMapping mapping, byte[]? readBits = null, byte[]? writeBits = null, ulong bitOffset = 0)
    {
        Sparse = mapping;
        _readBits = Pin(readBits);
        _writeBits = Pin(writeBits ?? readBits);
        _bitOffset = bitOffset;
    }

    internal SparseMapping Sparse { get; }

    internal byte[] ReadBits => _readBits!;

    internal byte[] WriteBits => _writeBits!;

    public override ulong Length => Sparse.Length;

    public override byte* Mapping => Sparse.Mapping;

    public override string Name => "mapped";

    public override AccessBitmaps? AccessBitmaps => _readBits is null
        ? null
        : new AccessBitmaps(Address(_readBits), Address(_writeBits!), _bitOffset);

    protected internal override BackingResult LockPages(ReadOnlySpan<ulong> pageNumbers, AccessType access, out bool unlockRequired) =>
        Sparse.LockPages(pageNumbers, access, out unlockRequired);

    protected internal override void UnlockPages(ReadOnlySpan<ulong> pageNumbers) => Sparse.UnlockPages(pageNumbers);

    protected override void Release() => Sparse.Dispose();

    private static byte[]? Pin(byte[]? bits)
    {
        if (bits is null)
        {
            return null;
        }

        byte[] pinned = GC.AllocateArray<byte>(bits.Length, pinned: true);
        bits.CopyTo(pinned, 0);
        return pinned;
    }

    private static byte* Address(byte[] bits) => (byte*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref bits[0]);
}

/// <summary>
/// Four quarters: the first and the last refuse, the second appears on first touch, the third appears as read-only zeros.
/// The faulting backing of the source document's tests.
/// </summary>
internal sealed class FaultingBacking(ulong length) : MappedBacking(new SparseMapping(length))
{
    internal static readonly InvalidOperationException Refusal = new("fault");

    internal int Faults { get; private set; }

    protected internal override PageFaultAction OnPageFault(in PageFault fault)
    {
        fault.BitmapFailure.ShouldBeFalse();
        Faults++;
        ulong quarter = Length / 4;
        if (fault.Address < quarter || fault.Address >= 3 * quarter)
        {
            return PageFaultAction.Fail(GuestMemoryFaultKind.Other, Refusal);
        }

        ulong page = fault.Address & ~0xfffUL;
        if (fault.Address >= 2 * quarter)
        {
            if (fault.IsWrite)
            {
                return PageFaultAction.Fail(GuestMemoryFaultKind.Other, Refusal);
            }

            Sparse.MapZero(page, 4096);
        }
        else
        {
            Sparse.Commit(page, 4096);
        }

        return PageFaultAction.Retry;
    }
}

/// <summary>Memory without a mapping: everything goes through the fallback methods, as with a device.</summary>
internal sealed class FallbackBacking(int length) : GuestMemoryBacking
{
    internal byte[] Bytes { get; } = new byte[length];

    internal int Calls { get; private set; }

    /// <summary>Accesses that touch this byte fail with it as the lowest address.</summary>
    internal ulong? Hole { get; set; }

    internal bool SupportsCompareExchange { get; set; } = true;

    public override ulong Length => (ulong)Bytes.Length;

    public override string Name => "device";

    protected internal override BackingResult ReadFallback(ulong address, Span<byte> destination)
    {
        if (Refuse(address, (ulong)destination.Length) is { } failure)
        {
            return failure;
        }

        Bytes.AsSpan((int)address, destination.Length).CopyTo(destination);
        return BackingResult.Success;
    }

    protected internal override BackingResult WriteFallback(ulong address, ReadOnlySpan<byte> source)
    {
        if (Refuse(address, (ulong)source.Length) is { } failure)
        {
            return failure;
        }

        source.CopyTo(Bytes.AsSpan((int)address));
        return BackingResult.Success;
    }

    protected internal override BackingResult FillFallback(ulong address, byte value, ulong length)
    {
        if (Refuse(address, length) is { } failure)
        {
            return failure;
        }

        Bytes.AsSpan((int)address, (int)length).Fill(value);
        return BackingResult.Success;
    }

    protected internal override BackingResult CompareExchangeFallback(
        ulong address, Span<byte> current, ReadOnlySpan<byte> replacement, out bool exchanged)
    {
        if (!SupportsCompareExchange)
        {
            return base.CompareExchangeFallback(address, current, replacement, out exchanged);
        }

        exchanged = false;
        if (Refuse(address, (ulong)current.Length) is { } failure)
        {
            return failure;
        }

        lock (Bytes)
        {
            Span<byte> here = Bytes.AsSpan((int)address, current.Length);
            exchanged = here.SequenceEqual(current);
            (exchanged ? replacement : here).CopyTo(exchanged ? here : current);
        }

        return BackingResult.Success;
    }

    private BackingResult? Refuse(ulong address, ulong length)
    {
        Calls++;
        return Hole is { } hole && hole >= address && hole < address + length
            ? BackingResult.Fail(GuestMemoryFaultKind.VtlProtected, hole)
            : null;
    }
}
