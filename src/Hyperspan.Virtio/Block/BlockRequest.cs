using System.Globalization;

namespace Hyperspan.Virtio;

/// <summary>A request of a block device, step after step.</summary>
internal sealed class BlockRequest : QueueRequest
{
    internal BlockRequest(BlockQueueHandler handler)
    {
        Handler = handler;
        Transfer = new BlockTransfer(this);
        Allocation = new BlockAllocation(handler.Device, this);
    }

    internal BlockQueueHandler Handler { get; }

    internal BlockRequestType Type { get; set; }

    internal BlockStep Step { get; set; }

    /// <summary>Gets or sets when it was taken, as a timestamp of <see cref="System.Diagnostics.Stopwatch"/>; zero where nobody wants to know.</summary>
    internal long BeganAt { get; set; }

    /// <summary>Gets how the last step went.</summary>
    internal DiskResult Result { get; private set; }

    internal BlockStatus Status { get; set; }

    internal GuestMemoryFault Fault { get; set; }

    /// <summary>Gets or sets why the image failed.</summary>
    internal int Errno { get; set; }

    /// <summary>Gets or sets a value indicating whether the failure has been reported: as that of a flush, or when the request was held.</summary>
    internal bool IsReported { get; set; }

    /// <summary>Gets or sets a value indicating whether one that was held is not tried again.</summary>
    internal bool IsGivenUp { get; set; }

    /// <summary>Gets or sets how many bytes of data were written to the guest.</summary>
    internal ulong Data { get; set; }

    internal BlockTransfer Transfer { get; }

    internal BlockAllocation Allocation { get; }

    /// <summary>Gets or sets the next one in the list of those that wait for a flush.</summary>
    internal BlockRequest? NextFlush { get; set; }

    /// <summary>Says how a step went that did not end at once; by any thread. The handler's thread goes on with the request.</summary>
    internal void EndStep(in DiskResult result)
    {
        Result = result;
        Post();
    }

    /// <inheritdoc/>
    public override string Describe() => Type switch
    {
        BlockRequestType.Read or BlockRequestType.Write => string.Create(
            CultureInfo.InvariantCulture,
            $"{(Type == BlockRequestType.Read ? "read" : "write")} of {Transfer.Total} bytes at {Transfer.Start}{NameOf(Step)}"),
        BlockRequestType.Flush => "flush",
        BlockRequestType.Discard => "discard",
        BlockRequestType.WriteZeroes => "write zeroes",
        _ => base.Describe(),
    };

    /// <summary>Whether it changes any byte of a range of the image, now or when it comes back.</summary>
    internal bool MayWrite(ulong offset, ulong length) => Type switch
    {
        BlockRequestType.Write => Transfer.Start < offset + length && offset < Transfer.Start + Transfer.Total,
        BlockRequestType.Discard or BlockRequestType.WriteZeroes => Allocation.Touches(offset, length),
        _ => false,
    };

    private static string NameOf(BlockStep step) => step switch
    {
        BlockStep.Flush => ", being flushed",
        BlockStep.Held => ", held for a failure",
        _ => "",
    };

    internal void Dispose() => Transfer.Dispose();
}
