using System.Buffers;

namespace Hyperspan;

/// <summary>A piece of <see cref="PinnedMemory"/> as a <see cref="Memory{T}"/>.</summary>
internal sealed unsafe class PinnedMemoryManager(PinnedMemory owner, IoVector vector) : MemoryManager<byte>
{
    public override Memory<byte> Memory => CreateMemory((int)vector.Length);

    public override Span<byte> GetSpan()
    {
        ObjectDisposedException.ThrowIf(owner.IsDisposed, owner);
        if (!owner.AllowsSpans)
        {
            throw new InvalidOperationException(
                "another process can take these pages away while they are pinned, and a span over them would end this process: use GuestMemory, or hand them to the kernel");
        }

        // SAFETY: the pages are pinned and cannot vanish. A span kept beyond the pin is the caller's breach; the address range stays reserved even then.
        return new Span<byte>(vector.Address, (int)vector.Length);
    }

    public override MemoryHandle Pin(int elementIndex = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(elementIndex);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(elementIndex, (int)vector.Length);
        owner.AddPin();

        // SAFETY: the index is inside the piece.
        return new MemoryHandle((byte*)vector.Address + elementIndex, default, this);
    }

    public override void Unpin() => owner.RemovePin();

    protected override void Dispose(bool disposing)
    {
        // The pin is the owner's.
    }
}
