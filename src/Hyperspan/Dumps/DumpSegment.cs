namespace Hyperspan.Dumps;

/// <summary>A run of guest memory in a dump: where it was, and where in the file its bytes are.</summary>
public sealed record DumpSegment
{
    /// <summary>Initializes a new instance of the <see cref="DumpSegment"/> class.</summary>
    /// <param name="range">The guest-physical addresses.</param>
    /// <param name="fileOffset">Where its bytes begin in the file; of a compressed kdump, where the descriptor of its first page is.</param>
    /// <param name="fileLength">How many of its bytes are there; those after them are zero.</param>
    public DumpSegment(GuestRange range, ulong fileOffset, ulong fileLength)
    {
        Range = range;
        FileOffset = fileOffset;
        FileLength = fileLength;
    }

    /// <summary>Gets the guest-physical addresses.</summary>
    public GuestRange Range { get; internal init; }

    /// <summary>Gets where its bytes begin in the file; of a compressed kdump, where the descriptor of its first page is.</summary>
    public ulong FileOffset { get; }

    /// <summary>Gets how many of its bytes are there; those after them are zero.</summary>
    public ulong FileLength { get; }
}
