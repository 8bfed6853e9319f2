namespace Hyperspan.Virtio.Tests;

/// <summary>An indirect table that refers to another one, which by itself would be fine.</summary>
public class NestedIndirectTests
{
    private const ulong First = 0x20000;
    private const ulong Second = 0x21000;

    [Fact]
    public void Is_refused()
    {
        using var bed = new QueueBed();
        bed.Describe(0, First, 16, QueueBed.Indirect);
        bed.DescribeAt(First, Second, 16, QueueBed.Indirect);
        bed.DescribeAt(Second, QueueBed.Buffers, 8);
        bed.Offer(0);
        bed.ShouldBreak(VirtQueueErrorKind.NestedIndirect, 0);
    }
}
