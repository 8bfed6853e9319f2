using Hyperspan.Devices;

namespace Hyperspan.Tests.Devices;

/// <summary>What a handler is given to fill.</summary>
public class HandlerDataTests
{
    [Fact]
    public void It_is_zero_whatever_the_destination_holds()
    {
        // A handler that leaves a part as it is must not hand on what the caller had there.
        var space = new DeviceAddressSpace("vm");
        using IDisposable registration = space.AddHandler(new GuestRange(0x1000, 0x40), new Idle());
        byte[] bytes = new byte[19];
        Array.Fill(bytes, (byte)0xee);
        space.Read(0x1001, bytes);
        bytes.ShouldAllBe(b => b == 0);
    }

    private sealed class Idle : IMmioHandler
    {
        public void Read(ulong offset, Span<byte> data)
        {
        }

        public void Write(ulong offset, ReadOnlySpan<byte> data)
        {
        }
    }
}
