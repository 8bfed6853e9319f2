using Hyperspan.Guarding;

namespace Hyperspan;

/// <summary>Copies bytes into a region.</summary>
internal unsafe struct WriteBytesOperation(byte* source) : IRegionOperation
{
    // Fallbacks take spans, whose length is an int.
    private const int FallbackPiece = 1 << 30;

    private byte* _source = source;

    public readonly AccessType Access => AccessType.Write;

    public readonly bool IsDivisible => true;

    public readonly bool IsAtomic => false;

    public readonly byte* Buffer => _source;

    public readonly void Direct(byte* at, ulong length) => System.Buffer.MemoryCopy(_source, at, length, length);

    public readonly GuardedResult Guarded(byte* at, ulong length, bool mayBlock) => Guard.Copy(at, _source, (nuint)length, mayBlock);

    public BackingResult Invoke(GuestMemoryBacking backing, ulong offset, ulong length)
    {
        while (length > 0)
        {
            int piece = (int)Math.Min(length, FallbackPiece);
            BackingResult result = backing.WriteFallback(offset, new ReadOnlySpan<byte>(_source, piece));
            if (result.IsFailure)
            {
                return result;
            }

            _source += piece;
            offset += (ulong)piece;
            length -= (ulong)piece;
        }

        return BackingResult.Success;
    }

    public void Advance(ulong length) => _source += length;
}
