using Hyperspan.Devices;

namespace Hyperspan.Tests.Devices;

/// <summary>A device that remembers what it was asked. Reads give the low byte of each address, inverted.</summary>
internal sealed class RecordingHandler(string name, List<string>? log = null) : IMmioHandler
{
    internal List<string> Log { get; } = log ?? [];

    internal Exception? Throws { get; set; }

    public void Read(GuestAddress address, Span<byte> data)
    {
        data.ToArray().ShouldAllBe(b => b == 0);
        Record("read", address, data.Length);
        for (int i = 0; i < data.Length; i++)
        {
            data[i] = Content(address.Value + (ulong)i);
        }
    }

    public void Write(GuestAddress address, ReadOnlySpan<byte> data) =>
        Record("write", address, data.Length, " " + Convert.ToHexString(data));

    internal static byte Content(ulong address) => (byte)~address;

    private void Record(string what, GuestAddress address, int length, string data = "")
    {
        if (Throws is not null)
        {
            throw Throws;
        }

        lock (Log)
        {
            Log.Add($"{name}: {what} {address.Value:x}+{length}{data}");
        }
    }
}
