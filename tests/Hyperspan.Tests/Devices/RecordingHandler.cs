using Hyperspan.Devices;

namespace Hyperspan.Tests.Devices;

/// <summary>A device that remembers what it was asked. Reads give the low byte of each address, inverted.</summary>
internal sealed class RecordingHandler(string name, List<string>? log = null) : IMmioHandler
{
    internal List<string> Log { get; } = log ?? [];

    internal Exception? Throws { get; set; }

    /// <summary>Gets the address that it is registered at, from which what it is asked is told.</summary>
    internal ulong Start { get; init; }

    public void Read(ulong offset, Span<byte> data)
    {
        data.ToArray().ShouldAllBe(b => b == 0);
        Record("read", offset, data.Length);
        for (int i = 0; i < data.Length; i++)
        {
            data[i] = Content(Start + offset + (ulong)i);
        }
    }

    public void Write(ulong offset, ReadOnlySpan<byte> data) =>
        Record("write", offset, data.Length, " " + Convert.ToHexString(data));

    internal static byte Content(ulong address) => (byte)~address;

    private void Record(string what, ulong offset, int length, string data = "")
    {
        if (Throws is not null)
        {
            throw Throws;
        }

        lock (Log)
        {
            Log.Add($"{name}: {what} {Start + offset:x}+{length}{data}");
        }
    }
}
