namespace Hyperspan.Kvm.Tests.Machine;

/// <summary>The serial port, as a driver uses it. Needs no KVM.</summary>
public sealed class SerialPortTests
{
    private int _interrupts;

    [Fact]
    public async Task What_is_sent_arrives_and_asks_for_interrupts_only_when_they_are_wanted()
    {
        var port = new SerialPort(() => _interrupts++);
        Write(port, 0, (byte)'h');
        Write(port, 0, (byte)'i');
        _interrupts.ShouldBe(0);
        byte[] buffer = new byte[10];
        (await port.ReadAsync(buffer, CancellationToken.None)).ShouldBe(2);
        buffer[..2].ShouldBe("hi"u8.ToArray());

        Write(port, 1, 2);
        _interrupts.ShouldBe(1);
        Read(port, 2).ShouldBe((byte)2);
        Read(port, 2).ShouldBe((byte)1);
        Write(port, 0, (byte)'x');
        Write(port, 0, (byte)'y');
        _interrupts.ShouldBe(2);

        Write(port, 1, 1);
        await port.WriteAsync("ab"u8.ToArray(), CancellationToken.None);
        _interrupts.ShouldBe(3);
        Read(port, 2).ShouldBe((byte)4);
        (Read(port, 5) & 1).ShouldBe(1);
        Read(port, 0).ShouldBe((byte)'a');
        Read(port, 0).ShouldBe((byte)'b');
        (Read(port, 5) & 1).ShouldBe(0);
        Read(port, 0).ShouldBe((byte)0);
    }

    [Fact]
    public async Task A_full_buffer_makes_the_guest_wait_and_its_end_is_an_interrupt()
    {
        var port = new SerialPort(() => _interrupts++);
        Write(port, 1, 2);
        int sent = 0;
        while ((Read(port, 5) & 0x20) != 0)
        {
            Write(port, 0, (byte)sent++);
        }

        sent.ShouldBe(1 << 16);
        Write(port, 0, 0xee);
        int before = _interrupts;
        byte[] all = new byte[1 << 17];
        (await port.ReadAsync(all, CancellationToken.None)).ShouldBe(sent);
        _interrupts.ShouldBe(before + 1);
        (Read(port, 5) & 0x20).ShouldBe(0x20);
        using var soon = new CancellationTokenSource(TimeSpan.FromMilliseconds(10));
        await Should.ThrowAsync<OperationCanceledException>(async () => await port.ReadAsync(all, soon.Token));
    }

    [Fact]
    public async Task Input_that_the_guest_does_not_take_waits()
    {
        var port = new SerialPort(() => _interrupts++);
        Task sending = port.WriteAsync(new byte[(1 << 16) + 1], CancellationToken.None).AsTask();
        sending.IsCompleted.ShouldBeFalse();
        Read(port, 0);
        await sending.WaitAsync(TimeSpan.FromMinutes(1));
    }

    [Fact]
    public void A_driver_recognizes_a_16550A()
    {
        var port = new SerialPort(() => _interrupts++);
        Write(port, 7, 0x5a);
        Read(port, 7).ShouldBe((byte)0x5a);
        Write(port, 2, 1);
        (Read(port, 2) & 0xc0).ShouldBe(0xc0);
        Write(port, 4, 0x1a);
        (Read(port, 6) & 0xf0).ShouldBe(0x90);
        Write(port, 0, 0x77);
        Read(port, 0).ShouldBe((byte)0x77);
        Write(port, 4, 0);
        Write(port, 3, 0x80);
        Write(port, 0, 1);
        Write(port, 1, 0);
        Read(port, 0).ShouldBe((byte)1);
        Read(port, 1).ShouldBe((byte)0);
    }

    private static void Write(SerialPort port, ulong register, byte value) => port.Write(register, [value]);

    private static byte Read(SerialPort port, ulong register)
    {
        byte[] data = new byte[1];
        port.Read(register, data);
        return data[0];
    }
}
