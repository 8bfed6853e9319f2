using Hyperspan.Streaming;

namespace Hyperspan.Tests.Streaming;

/// <summary>One memory and, in it, 10 KiB that lie contiguous, over pages out of order, and over a list of ranges that do not meet at pages.</summary>
internal sealed class StreamingPlaces : IDisposable
{
    internal const int Length = 10 * 1024;

    internal static readonly GuestRange Range = new(0x1f00, Length);

    internal static readonly ulong[] Pages = [7, 3, 4, 9];

    internal static readonly PagedRangeBuffer[] List =
    [
        new(new ulong[] { 2 }, 0xff0, 0x10),
        new(new ulong[] { 11, 12 }, 0x801, 0x1001),
        default,
        new(new ulong[] { 5, 1 }, 0xffd, 6),
        new(new ulong[] { 8, 6 }, 0, Length - 0x1017),
    ];

    internal StreamingPlaces()
    {
        Mapping = new SparseBacking(0x10000);
        Mapping.Commit(0, Mapping.Length);
        Memory = new GuestMemory(Mapping, "ram");
    }

    internal SparseBacking Mapping { get; }

    internal GuestMemory Memory { get; }

    internal static PagedRange Paged => new(Pages, 0x7f3, Length);

    internal static PagedRange Parts => new(List);

    public void Dispose() => Memory.Dispose();

    /// <summary>Puts the bytes into all three places; they do not overlap in what is read here at a time, so one after the other is checked.</summary>
    internal void Fill(string place, ReadOnlySpan<byte> bytes)
    {
        switch (place)
        {
            case "range":
                Memory.Write(Range.Start, bytes);
                break;
            case "paged":
                Memory.Write(Paged, bytes);
                break;
            default:
                Memory.Write(Parts, bytes);
                break;
        }
    }

    internal byte[] Content(string place)
    {
        var bytes = new byte[Length];
        switch (place)
        {
            case "range":
                Memory.Read(Range.Start, bytes);
                break;
            case "paged":
                Memory.Read(Paged, bytes);
                break;
            default:
                Memory.Read(Parts, bytes);
                break;
        }

        return bytes;
    }
}
