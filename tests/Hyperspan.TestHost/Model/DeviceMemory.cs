namespace Hyperspan.TestHost.Model;

/// <summary>Memory without a mapping, in an array, with one byte that refuses every access.</summary>
internal sealed class DeviceMemory(int length, bool exchanges) : GuestMemoryBacking
{
    public byte[] Bytes { get; } = new byte[length];

    public ulong? Hole { get; set; }

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
        exchanged = false;
        if (!exchanges)
        {
            return base.CompareExchangeFallback(address, current, replacement, out exchanged);
        }

        if (Refuse(address, (ulong)current.Length) is { } failure)
        {
            return failure;
        }

        Span<byte> here = Bytes.AsSpan((int)address, current.Length);
        exchanged = here.SequenceEqual(current);
        (exchanged ? replacement : here).CopyTo(exchanged ? here : current);
        return BackingResult.Success;
    }

    private BackingResult? Refuse(ulong address, ulong length) =>
        Hole is { } hole && hole >= address && hole < address + length ? BackingResult.Fail(GuestMemoryFaultKind.VtlProtected, hole) : null;
}
