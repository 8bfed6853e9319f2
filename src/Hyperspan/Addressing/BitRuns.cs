using System.Numerics;

namespace Hyperspan;

/// <summary>The runs of set bits in a word, in ascending order.</summary>
internal readonly struct BitRuns(ulong bits)
{
    /// <summary>Gets the run that begins with a bit that is set.</summary>
    internal static BitRun At(ulong bits, int first) => new(first, BitOperations.TrailingZeroCount(~(bits >> first)));

    /// <summary>Begins to list them.</summary>
    public Enumerator GetEnumerator() => new(bits);

    /// <summary>Where a list of them is.</summary>
    internal struct Enumerator(ulong bits)
    {
        private ulong _left = bits;

        /// <summary>Gets the run.</summary>
        public BitRun Current { get; private set; }

        /// <summary>Goes on to the next.</summary>
        public bool MoveNext()
        {
            if (_left == 0)
            {
                return false;
            }

            Current = At(_left, BitOperations.TrailingZeroCount(_left));
            _left &= ~Current.Bits;
            return true;
        }
    }
}
