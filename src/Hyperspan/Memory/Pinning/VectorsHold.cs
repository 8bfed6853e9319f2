namespace Hyperspan;

/// <summary>The pieces of a pin for writing.</summary>
internal sealed unsafe class VectorsHold(GuestMemory memory, IoVector[] vectors) : WriteHold
{
    internal override void Tell(bool isHeld)
    {
        if (memory.IsDisturbedForWrites)
        {
            foreach (IoVector vector in vectors)
            {
                memory.TellMapped((byte*)vector.Address, vector.Length, isHeld);
            }
        }
    }
}
