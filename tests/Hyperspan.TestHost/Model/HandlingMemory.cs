namespace Hyperspan.TestHost.Model;

/// <summary>A sparse mapping with a page-fault handler: pages that appear on touch, or accesses that go on by the fallback methods.</summary>
internal sealed unsafe class HandlingMemory : GuestMemoryBacking
{
    public static readonly InvalidOperationException Refusal = new("refused");

    private readonly SparseBacking _mapping;
    private readonly bool _fallsBack;

    public HandlingMemory(int pages, bool fallsBack)
    {
        _mapping = new SparseBacking((ulong)pages * Page);
        _fallsBack = fallsBack;
        Device = new byte[pages * ModelBacking.PageSize];
        if (fallsBack)
        {
            for (int page = 0; page < pages; page += 2)
            {
                _mapping.Commit((ulong)page * Page, Page);
            }
        }
    }

    /// <summary>The bytes of the pages without a mapping; those of the others are unused.</summary>
    public byte[] Device { get; }

    public override ulong Length => _mapping.Length;

    public override byte* Mapping => _mapping.Mapping;

    public override string Name => "handling";

    public override bool IsPinnable => !_fallsBack;

    private static ulong Page => (ulong)ModelBacking.PageSize;

    protected internal override PageFaultAction OnPageFault(in PageFault fault)
    {
        if (_fallsBack)
        {
            return PageFaultAction.Fallback;
        }

        ulong page = fault.Offset & ~(Page - 1);
        if (page == Length - Page)
        {
            return PageFaultAction.Fail(GuestMemoryFaultKind.Other, Refusal);
        }

        if (page < Length - (2 * Page))
        {
            _mapping.Commit(page, Page);
            return PageFaultAction.Retry;
        }

        if (fault.IsWrite)
        {
            return PageFaultAction.Fail(GuestMemoryFaultKind.Other, Refusal);
        }

        _mapping.MapZero(page, Page);
        return PageFaultAction.Retry;
    }

    protected internal override BackingResult ReadFallback(ulong offset, Span<byte> destination)
    {
        for (int i = 0; i < destination.Length; i++)
        {
            destination[i] = At(offset + (ulong)i);
        }

        return BackingResult.Success;
    }

    protected internal override BackingResult WriteFallback(ulong offset, ReadOnlySpan<byte> source)
    {
        for (int i = 0; i < source.Length; i++)
        {
            At(offset + (ulong)i) = source[i];
        }

        return BackingResult.Success;
    }

    protected internal override BackingResult FillFallback(ulong offset, byte value, ulong length)
    {
        for (ulong i = 0; i < length; i++)
        {
            At(offset + i) = value;
        }

        return BackingResult.Success;
    }

    protected internal override BackingResult CompareExchangeFallback(
        ulong address, Span<byte> current, ReadOnlySpan<byte> replacement, out bool exchanged)
    {
        Span<byte> found = stackalloc byte[current.Length];
        ReadFallback(address, found);
        exchanged = found.SequenceEqual(current);
        if (exchanged)
        {
            WriteFallback(address, replacement);
        }

        found.CopyTo(current);
        return BackingResult.Success;
    }

    protected override void Release() => _mapping.Dispose();

    // SAFETY: even pages are committed and stay so.
    private ref byte At(ulong address) =>
        ref (address / Page) % 2 == 0 ? ref _mapping.Mapping[address] : ref Device[address];
}
