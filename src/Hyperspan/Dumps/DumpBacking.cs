namespace Hyperspan.Dumps;

/// <summary>A region of a dump as memory that can be read: by the fallback, each read from the file.</summary>
internal sealed class DumpBacking(DumpMemory image, GuestRange range, string name) : GuestMemoryBacking
{
    public override ulong Length => range.Length;

    public override bool IsWritable => false;

    public override bool IsPinnable => false;

    public override string Name => name;

    protected internal override BackingResult ReadFallback(ulong offset, Span<byte> destination)
    {
        try
        {
            image.ReadRange(range.Start.Value + offset, destination);
            return BackingResult.Success;
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            return BackingResult.Fail(GuestMemoryFaultKind.Unmapped, offset, e);
        }
    }
}
