using Hyperspan.Guarding;

namespace Hyperspan;

/// <summary>Copies bytes out of a region.</summary>
internal unsafe struct ReadBytesOperation(byte* destination) : IRegionOperation
{
    // Fallbacks take spans, whose length is an int.
    private const int FallbackPiece = 1 << 30;

    private byte* _destination = destination;

    public readonly AccessType Access => AccessType.Read;

    public readonly bool IsDivisible => true;

    public readonly bool IsAtomic => false;

    public readonly byte* Buffer => _destination;

    public readonly void Direct(byte* at, ulong length) => System.Buffer.MemoryCopy(at, _destination, length, length);

    public readonly GuardedResult Guarded(byte* at, ulong length, bool mayBlock) => Guard.Copy(_destination, at, (nuint)length, mayBlock);

    public BackingResult Invoke(GuestMemoryBacking backing, ulong offset, ulong length)
    {
        while (length > 0)
        {
            int piece = (int)Math.Min(length, FallbackPiece);
            BackingResult result = backing.ReadFallback(offset, new Span<byte>(_destination, piece));
            if (result.IsFailure)
            {
                return result;
            }

            _destination += piece;
            offset += (ulong)piece;
            length -= (ulong)piece;
        }

        return BackingResult.Success;
    }

    public void Advance(ulong length) => _destination += length;
}
