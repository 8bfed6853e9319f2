using Hyperspan.Devices;
using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Tests.Devices;

public class DoorbellTests
{
    private readonly DeviceAddressSpace _space = new("vm");
    private readonly RecordingHandler _device = new("device") { Start = 0x1000 };

    public DoorbellTests() => _space.AddHandler(new GuestRange(0x1000, 0x100), _device);

    [Fact]
    public void Any_write_that_starts_at_the_address_rings_and_is_consumed()
    {
        int rung = 0;
        IDisposable doorbell = _space.RegisterDoorbell(0x1010, null, null, DoorbellEvent.FromCallback(() => rung++));
        _space.Write(0x1010, (byte)1);
        _space.Write(0x1010, 2UL);
        rung.ShouldBe(2);
        _device.Log.ShouldBeEmpty();

        // Neither reads, nor writes that only reach it.
        _space.Read<uint>(0x1010);
        _space.Write(0x100f, (ushort)1);
        _space.Write(0x1011, (byte)1);
        rung.ShouldBe(2);
        _device.Log.ShouldBe(["device: read 1010+4", "device: write 100f+2 0100", "device: write 1011+1 01"]);

        doorbell.Dispose();
        doorbell.Dispose();
        _space.Write(0x1010, (byte)3);
        rung.ShouldBe(2);
        _device.Log.Count.ShouldBe(4);
    }

    [Fact]
    public void Value_and_length_choose_among_writes()
    {
        var rung = new List<string>();
        Add(5, 4, "5 as 4");
        Add(6, 4, "6 as 4");
        Add(5, 2, "5 as 2");
        Add(7, null, "7 as any");
        _space.Write(0x1010, 5);
        _space.Write(0x1010, 6);
        _space.Write(0x1010, (ushort)5);
        _space.Write(0x1010, 7UL);
        _space.Write(0x1010, (byte)7);
        rung.ShouldBe(["5 as 4", "6 as 4", "5 as 2", "7 as any", "7 as any"]);
        _device.Log.ShouldBeEmpty();
        _space.Write(0x1010, 5UL);
        _space.Write(0x1010, 8);
        _space.Write(0x1010, (ushort)6);
        _space.Write(0x1010, (byte)5);
        _device.Log.ShouldBe(
            ["device: write 1010+8 0500000000000000", "device: write 1010+4 08000000", "device: write 1010+2 0600", "device: write 1010+1 05"]);

        void Add(ulong? value, uint? length, string name) =>
            _space.RegisterDoorbell(0x1010, value, length, DoorbellEvent.FromCallback(() => rung.Add(name)));
    }

    [Theory]
    [InlineData(null, null, null, null)]
    [InlineData(5UL, null, null, null)]
    [InlineData(null, 4u, 5UL, null)]
    [InlineData(5UL, 4u, 5UL, null)]
    [InlineData(5UL, 4u, 5UL, 4u)]
    [InlineData(5UL, 4u, null, 4u)]
    public void Doorbells_that_share_a_write_are_refused(ulong? value, uint? length, ulong? otherValue, uint? otherLength)
    {
        IDisposable first = _space.RegisterDoorbell(0x1010, value, length, DoorbellEvent.FromCallback(() => { }));
        Should.Throw<InvalidOperationException>(() => _space.RegisterDoorbell(0x1010, otherValue, otherLength, DoorbellEvent.FromCallback(() => { })))
            .Message.ShouldStartWith("The doorbell at 0x1010 (value ");
        using (_space.RegisterDoorbell(0x1011, otherValue, otherLength, DoorbellEvent.FromCallback(() => { })))
        {
            first.Dispose();
        }

        _space.RegisterDoorbell(0x1010, otherValue, otherLength, DoorbellEvent.FromCallback(() => { })).Dispose();
    }

    [Theory]
    [InlineData(5UL, 4u, 6UL, 4u)]
    [InlineData(5UL, 4u, 5UL, 2u)]
    [InlineData(null, 4u, null, 8u)]
    [InlineData(5UL, null, 6UL, null)]
    public void Doorbells_that_share_no_write_go_together(ulong? value, uint? length, ulong? otherValue, uint? otherLength)
    {
        using IDisposable first = _space.RegisterDoorbell(0x1010, value, length, DoorbellEvent.FromCallback(() => { }));
        using IDisposable second = _space.RegisterDoorbell(0x1010, otherValue, otherLength, DoorbellEvent.FromCallback(() => { }));
    }

    [Fact]
    public void Numbers_that_no_write_can_match_are_refused()
    {
        DoorbellEvent nothing = DoorbellEvent.FromCallback(() => { });
        Should.Throw<ArgumentOutOfRangeException>(() => _space.RegisterDoorbell(0, null, 3, nothing));
        Should.Throw<ArgumentOutOfRangeException>(() => _space.RegisterDoorbell(0, null, 0, nothing));
        Should.Throw<ArgumentOutOfRangeException>(() => _space.RegisterDoorbell(0, 0x100, 1, nothing)).Message.ShouldStartWith("The value 0x100 does not fit into 1 bytes.");
        Should.Throw<ArgumentOutOfRangeException>(() => _space.RegisterDoorbell(0, 1UL << 32, 4, nothing));
        _space.RegisterDoorbell(0, ulong.MaxValue, 8, nothing).Dispose();
        _space.RegisterDoorbell(0, ulong.MaxValue, null, nothing).Dispose();
    }

    [Fact]
    public void A_doorbell_needs_no_handler_and_memory_hides_it()
    {
        int rung = 0;
        using GuestMemory ram = GuestMemory.Allocate(0x1000);
        using IDisposable doorbell = _space.RegisterDoorbell(0x8000, null, 4, DoorbellEvent.FromCallback(() => rung++));
        _space.Write(0x8000, 1);
        rung.ShouldBe(1);
        _space.TryWrite(0x8000, new byte[2], out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, 0x8000);
        using (_space.AddMemory(0x8000, ram, new GuestRange(0, 0x1000)))
        {
            _space.Write(0x8000, 2);
            rung.ShouldBe(1);
        }

        using (_space.AddMemory(0x8000, ram, new GuestRange(0, 0x1000), writable: false))
        {
            _space.Write(0x8000, 3);
            rung.ShouldBe(2);
            ram.Read<int>(0).ShouldBe(2);
        }
    }

    [Fact]
    public void Events_of_the_runtime_are_set()
    {
        using var target = new ManualResetEventSlim();
        using IDisposable doorbell = _space.RegisterDoorbell(0x1010, 1, 4, DoorbellEvent.FromEvent(target));
        _space.Write(0x1010, 0);
        target.IsSet.ShouldBeFalse();
        _space.Write(0x1010, 1);
        target.IsSet.ShouldBeTrue();
    }

    [LinuxFact]
    public void Eventfds_count()
    {
        using var descriptor = new SafeFileHandle(LibC.Eventfd(0, 0), ownsHandle: true);
        descriptor.IsInvalid.ShouldBeFalse();
        DoorbellEvent target = DoorbellEvent.FromEventFileDescriptor(descriptor);
        target.EventFileDescriptor.ShouldBe(descriptor);
        using IDisposable doorbell = _space.RegisterDoorbell(0x1010, null, null, target);
        _space.Write(0x1010, 1);
        _space.Write(0x1010, 1);
        _space.Write(0x1010, 1);
        var count = new byte[8];
        RandomAccess.Read(descriptor, count, 0).ShouldBe(8);
        BitConverter.ToUInt64(count).ShouldBe(3UL);
        DoorbellEvent.FromCallback(() => { }).EventFileDescriptor.ShouldBeNull();
    }
}
