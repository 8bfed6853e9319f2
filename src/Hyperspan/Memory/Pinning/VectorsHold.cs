namespace Hyperspan;

/// <summary>The pieces of a pin for writing.</summary>
internal sealed unsafe class VectorsHold(GuestMemory memory, IoVector[] vectors, int count) : WriteHold
{
    internal override void Tell(bool isHeld)
    {
        if (memory.IsDisturbedForWrites)
        {
            foreach (IoVector vector in vectors.AsSpan(0, count))
            {
                memory.TellMapped((byte*)vector.Address, vector.Length, isHeld);
            }
        }
    }
}
