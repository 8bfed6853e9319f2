namespace Hyperspan.Tests;

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

    protected internal override BackingResult ReadFallback(ulong offset, Span<byte> destination)
    {
        if (Refuse(offset, (ulong)destination.Length) is { } failure)
        {
            return failure;
        }

        Bytes.AsSpan((int)offset, destination.Length).CopyTo(destination);
        return BackingResult.Success;
    }

    protected internal override BackingResult WriteFallback(ulong offset, ReadOnlySpan<byte> source)
    {
        if (Refuse(offset, (ulong)source.Length) is { } failure)
        {
            return failure;
        }

        source.CopyTo(Bytes.AsSpan((int)offset));
        return BackingResult.Success;
    }

    protected internal override BackingResult FillFallback(ulong offset, byte value, ulong length)
    {
        if (Refuse(offset, length) is { } failure)
        {
            return failure;
        }

        Bytes.AsSpan((int)offset, (int)length).Fill(value);
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
