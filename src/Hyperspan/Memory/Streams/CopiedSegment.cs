using System.Buffers;

namespace Hyperspan;

/// <summary>One piece of a sequence of copied bytes.</summary>
internal sealed class CopiedSegment : ReadOnlySequenceSegment<byte>
{
    internal CopiedSegment(byte[] bytes, CopiedSegment? previous)
    {
        Memory = bytes;
        if (previous is not null)
        {
            RunningIndex = previous.RunningIndex + previous.Memory.Length;
            previous.Next = this;
        }
    }
}
