using Hyperspan.Tests.Backing;

namespace Hyperspan.Tests;

/// <summary>A sparse mapping with optional bitmaps, as a user's own backing would wrap one.</summary>
internal unsafe class MappedBacking : GuestMemoryBacking
{
    // What the bitmaps are in.
    private readonly byte[]? _readBits;
    private readonly byte[]? _writeBits;

    internal MappedBacking(SparseBacking mapping, byte[]? readBits = null, byte[]? writeBits = null, ulong bitOffset = 0)
    {
        Sparse = mapping;
        if (readBits is not null)
        {
            _readBits = Pin(readBits);
            _writeBits = Pin(writeBits ?? readBits);
            AccessBitmaps = new AccessBitmaps(Address(_readBits), Address(_writeBits), mapping.Length, bitOffset);
        }
    }

    internal SparseBacking Sparse { get; }

    public override ulong Length => Sparse.Length;

    public override byte* Mapping => Sparse.Mapping;

    public override string Name => "mapped";

    protected internal override BackingResult PinPages(ReadOnlySpan<ulong> pageNumbers, AccessType access, out bool unpinRequired) =>
        Sparse.PinPages(pageNumbers, access, out unpinRequired);

    protected internal override void UnpinPages(ReadOnlySpan<ulong> pageNumbers) => Sparse.UnpinPages(pageNumbers);

    protected override void Release() => Sparse.Dispose();

    private static byte[] Pin(byte[] bits)
    {
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
internal sealed class FaultingBacking(ulong length) : MappedBacking(new SparseBacking(length))
{
    internal static readonly InvalidOperationException Refusal = new("fault");

    internal int Faults { get; private set; }

    protected internal override PageFaultAction OnPageFault(in PageFault fault)
    {
        fault.BitmapFailure.ShouldBeFalse();
        Faults++;
        ulong quarter = Length / 4;
        if (fault.Offset < quarter || fault.Offset >= 3 * quarter)
        {
            return PageFaultAction.Fail(GuestMemoryFaultKind.Other, Refusal);
        }

        ulong page = fault.Offset & ~(SelfProbe.Page - 1);
        if (fault.Offset >= 2 * quarter)
        {
            if (fault.IsWrite)
            {
                return PageFaultAction.Fail(GuestMemoryFaultKind.Other, Refusal);
            }

            Sparse.MapZero(page, SelfProbe.Page);
        }
        else
        {
            Sparse.Commit(page, SelfProbe.Page);
        }

        return PageFaultAction.Retry;
    }
}
