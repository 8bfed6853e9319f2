using Hyperspan.Devices;

namespace Hyperspan.Tests.Devices;

public class DeviceAddressSpaceTests
{
    private const ulong Page = GuestAddress.PageSize;

    [Fact]
    public void Accesses_go_to_memory_at_its_place()
    {
        using GuestMemory ram = GuestMemory.Allocate(4 * Page);
        var space = new DeviceAddressSpace("vm");
        using IDisposable registration = space.AddMemory(0x10_0000, ram, new GuestRange(Page, 2 * Page));
        space.Write(0x10_0010, 0x11223344u);
        ram.Read<uint>(Page + 0x10).ShouldBe(0x11223344u);
        space.Read<ushort>(0x10_0012).ShouldBe((ushort)0x1122);
        byte[] bytes = MemoryAssert.Pattern(5000);
        space.Write(0x10_0100, bytes);
        ram.Read(Page + 0x100, 5000).ShouldBe(bytes);
        var back = new byte[5000];
        space.Read(0x10_0100, back);
        back.ShouldBe(bytes);
    }

    [Fact]
    public void All_regions_of_a_memory_keep_their_addresses()
    {
        using GuestMemory ram = new GuestMemoryBuilder("ram")
            .AddRegion(0, new HeapBacking(2 * Page))
            .AddRegion(2 * Page, new HeapBacking(Page), protection: Protection.Read)
            .AddRegion(0x1_0000, new HeapBacking(Page))
            .Build();
        var space = new DeviceAddressSpace("vm");
        IDisposable registration = space.AddMemory(ram);
        space.Write(0x1_0008, 5UL);
        ram.Read<ulong>(0x1_0008).ShouldBe(5UL);
        Unclaimed(space, 0x3000);

        // Not writable by its protection: the write looks for a device.
        space.TryWrite(2 * Page, new byte[1], out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, 2 * Page);
        space.Read<byte>(2 * Page).ShouldBe((byte)0);
        registration.Dispose();
        registration.Dispose();
        Unclaimed(space, 0);
        Unclaimed(space, 0x1_0000);
    }

    [Fact]
    public void Handlers_are_asked_for_one_to_eight_bytes()
    {
        var space = new DeviceAddressSpace("vm");
        var device = new RecordingHandler("device") { Start = 0x1000 };
        using IDisposable registration = space.AddHandler(new GuestRange(0x1000, 0x40), device);
        space.Read<byte>(0x1001).ShouldBe((byte)0xfe);
        space.Read<uint>(0x1002).ShouldBe(0xfafbfcfdu);
        space.Write(0x103f, (byte)7);
        space.Write(0x1003, 0x1122334455667788);
        var bytes = new byte[19];
        space.Read(0x1001, bytes);
        bytes.ShouldBe(Enumerable.Range(0, 19).Select(i => RecordingHandler.Content(0x1001 + (ulong)i)));
        device.Log.ShouldBe(
        [
            "device: read 1001+1", "device: read 1002+4", "device: write 103f+1 07", "device: write 1003+8 8877665544332211",
            "device: read 1001+8", "device: read 1009+8", "device: read 1011+3",
        ]);
    }

    [Fact]
    public void Memory_hides_handlers()
    {
        using GuestMemory ram = GuestMemory.Allocate(Page);
        var space = new DeviceAddressSpace("vm");
        var device = new RecordingHandler("device");
        using IDisposable handler = space.AddHandler(new GuestRange(0, 2 * Page), device);
        IDisposable memory = space.AddMemory(ram);
        space.Write(0x10, 1);
        device.Log.ShouldBeEmpty();

        // Across the end of the memory.
        space.Write(Page - 2, 0x44332211u);
        ram.Read<ushort>(Page - 2).ShouldBe((ushort)0x2211);
        space.Read<uint>(Page - 2).ShouldBe(0xfeff2211u);
        memory.Dispose();
        space.Write(0x10, (byte)2);
        device.Log.ShouldBe(["device: write 1000+2 3344", "device: read 1000+2", "device: write 10+1 02"]);
        ram.Read<int>(0x10).ShouldBe(1);
    }

    [Fact]
    public void A_write_to_a_rom_goes_to_the_handler()
    {
        using GuestMemory contents = GuestMemory.Allocate(2 * Page);
        byte[] bytes = MemoryAssert.Pattern(2 * (int)Page);
        contents.Write(0, bytes);
        var space = new DeviceAddressSpace("vm");
        IRomMapper rom = space.CreateRom(contents, 2 * Page);
        rom.Length.ShouldBe(2 * Page);

        // At two places, one of them a part.
        using IDisposable low = rom.MapRom(0xf_0000, Page, Page);
        IDisposable high = rom.MapRom(0xffff_e000, 0, 2 * Page);
        space.Read<ulong>(0xf_0008).ShouldBe(BitConverter.ToUInt64(bytes, (int)Page + 8));
        space.Read<ulong>(0xffff_e008).ShouldBe(BitConverter.ToUInt64(bytes, 8));
        space.TryWrite(0xf_0008, new byte[4], out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, 0xf_0008);

        var device = new RecordingHandler("flash") { Start = 0xf_0000 };
        using IDisposable handler = space.AddHandler(new GuestRange(0xf_0000, Page), device);
        space.Write(0xf_0008, 0xffffffffu);
        device.Log.ShouldBe(["flash: write f0008+4 FFFFFFFF"]);
        contents.Read(0, bytes.Length).ShouldBe(bytes);
        space.Read<uint>(0xf_0008).ShouldBe(BitConverter.ToUInt32(bytes, (int)Page + 8));

        high.Dispose();
        high.Dispose();
        Unclaimed(space, 0xffff_e008);
        space.Read<byte>(0xf_0000);
        Should.Throw<ArgumentOutOfRangeException>(() => rom.MapRom(0, Page, Page + 1));
        Should.Throw<ArgumentOutOfRangeException>(() => rom.MapRom(0, ulong.MaxValue, 2));
        Should.Throw<ArgumentOutOfRangeException>(() => rom.MapRom(0, 0, 0));
        Should.Throw<ArgumentOutOfRangeException>(() => space.CreateRom(contents, (2 * Page) + 1));
        Should.Throw<InvalidOperationException>(() => rom.MapRom(0xf_0800, 0, 0x100)).Message
            .ShouldBe("The memory 'heap' at 0xf0800-0xf0900 overlaps the memory 'heap' at 0xf0000-0xf1000.");
    }

    [Fact]
    public void Overlaps_are_refused_within_a_layer()
    {
        using GuestMemory ram = GuestMemory.Allocate(4 * Page);
        using GuestMemory other = new(new HeapBacking(8 * Page), "other");
        var space = new DeviceAddressSpace("vm");
        using IDisposable first = space.AddMemory(0x4000, ram, new GuestRange(0, 4 * Page));
        foreach ((ulong start, ulong size) in new (ulong, ulong)[] { (0x4000, 1), (0x7fff, 1), (0x3fff, 2), (0x7fff, 2), (0x3000, 6 * Page), (0x5000, Page) })
        {
            Should.Throw<InvalidOperationException>(() => space.AddMemory(start, other, new GuestRange(0, size)))
                .Message.ShouldContain("overlaps the memory 'heap' at 0x4000-0x8000.");
        }

        using IDisposable below = space.AddMemory(0x3fff, other, new GuestRange(0, 1));
        using IDisposable above = space.AddMemory(0x8000, other, new GuestRange(0, 1));

        // All or nothing: the region at zero is not added, because the one behind it overlaps.
        using GuestMemory two = new GuestMemoryBuilder("two").AddRegion(0, new HeapBacking(Page)).AddRegion(0x6000, new HeapBacking(Page)).Build();
        Should.Throw<InvalidOperationException>(() => space.AddMemory(two));
        Unclaimed(space, 0);

        using IDisposable handler = space.AddHandler(new GuestRange(0x4000, 0x100), new RecordingHandler("a"), "serial port");
        Should.Throw<InvalidOperationException>(() => space.AddHandler(new GuestRange(0x40ff, 1), new RecordingHandler("b")))
            .Message.ShouldBe("The handler 'RecordingHandler' at 0x40ff-0x4100 overlaps the handler 'serial port' at 0x4000-0x4100.");
        handler.Dispose();
        space.AddHandler(new GuestRange(0x40ff, 1), new RecordingHandler("b")).Dispose();
    }

    [Fact]
    public void The_last_page_there_is_is_reached_and_nothing_wraps()
    {
        const ulong Top = ulong.MaxValue - Page + 1;
        using GuestMemory ram = GuestMemory.Allocate(Page);
        using GuestMemory last = new GuestMemoryBuilder("last").AddRegion(Top, new HeapBacking(Page)).Build();
        (last.End, last.Last).ShouldBe((0UL, GuestAddress.MaxValue));
        last.Regions[0].Range.ShouldBe(new GuestRange(Top, Page));

        var space = new DeviceAddressSpace("vm");
        space.AddMemory(Top, ram, new GuestRange(0, Page));
        space.AddMemory(0, last, new GuestRange(Top, Page));
        space.Write(ulong.MaxValue, (byte)0x5a);
        ram.Read<byte>(Page - 1).ShouldBe((byte)0x5a);
        space.Read<byte>(ulong.MaxValue).ShouldBe((byte)0x5a);
        space.TryRead(ulong.MaxValue, new byte[2], out GuestMemoryFault fault).ShouldBeFalse();
        (fault.Kind, fault.Address).ShouldBe((GuestMemoryFaultKind.OutOfRange, null));
        space.TryWrite(ulong.MaxValue - 1, new byte[4], out fault).ShouldBeFalse();
        (fault.Kind, fault.Address).ShouldBe((GuestMemoryFaultKind.OutOfRange, null));
        last.Read<byte>(Top).ShouldBe((byte)0);

        // A memory that ends at 2^64 holds a ROM of any length; one that ends before does not.
        space.CreateRom(last, ulong.MaxValue).ShouldNotBeNull();
        Should.Throw<ArgumentOutOfRangeException>(() => space.CreateRom(ram, Page + 1));
        Should.Throw<ArgumentOutOfRangeException>(() => space.CreateRom(GuestMemory.Empty, 1));
    }

    [Fact]
    public void Empty_ranges_and_ranges_past_the_end_are_refused()
    {
        using GuestMemory ram = GuestMemory.Allocate(Page);
        var space = new DeviceAddressSpace("vm");
        Should.Throw<ArgumentException>(() => space.AddMemory(0, ram, default));
        Should.Throw<ArgumentException>(() => space.AddMemory(ulong.MaxValue - 1, ram, new GuestRange(0, 3)));
        Should.Throw<ArgumentException>(() => space.AddHandler(default, new RecordingHandler("a")));
        Should.Throw<ArgumentOutOfRangeException>(() => space.CreateRegion(0, "empty"));
        Should.Throw<ArgumentOutOfRangeException>(() => space.CreateRegion(Page + 1, "odd"));
    }

    [Fact]
    public void What_nobody_answers_to_has_no_effect()
    {
        using GuestMemory ram = GuestMemory.Allocate(Page);
        var space = new DeviceAddressSpace("vm");
        var device = new RecordingHandler("device");
        using IDisposable memory = space.AddMemory(ram);
        using IDisposable handler = space.AddHandler(new GuestRange(Page, 4), device);
        var bytes = new byte[] { 1, 1, 1, 1, 1, 1, 1, 1 };
        space.TryWrite(Page - 2, bytes, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, Page + 4);
        fault.ToString().ShouldBe("guest memory 'vm': write error: failed to access 0xffe-0x1006 at 0x1004: no memory at address");
        ram.Read<ushort>(Page - 2).ShouldBe((ushort)0);
        space.TryRead(Page - 2, bytes, out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, Page + 4);
        device.Log.ShouldBeEmpty();
        Should.Throw<GuestMemoryException>(() => space.Read<ulong>(Page)).Fault.Address.ShouldBe(new GuestAddress(Page + 4));
        Should.Throw<GuestMemoryException>(() => space.Write(Page, 1UL));
        space.TryRead(0x1234_5678, [], out _).ShouldBeTrue();
        space.TryWrite(0x1234_5678, [], out _).ShouldBeTrue();
        space.TryRead(ulong.MaxValue, new byte[2], out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, ulong.MaxValue);
    }

    [Fact]
    public void Faults_of_memory_are_told_in_addresses_of_the_space()
    {
        var mapping = new SparseBacking(4 * Page);
        mapping.Commit(0, Page);
        using var memory = new GuestMemory(mapping, "bar");
        var space = new DeviceAddressSpace("vm");
        using IDisposable registration = space.AddMemory(0x10_0000, memory, new GuestRange(0x800, 2 * Page));
        space.TryRead(0x10_0700, new byte[0x200], out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, 0x10_0800);
        (fault.Start, fault.Length, fault.MemoryName, fault.BackingName).ShouldBe((new GuestAddress(0x10_0700), 0x200UL, "vm", "sparse"));
        space.TryWrite(0x10_0800, new byte[4], out fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, 0x10_0800);
        memory.Dispose();
        space.TryRead(0x10_0000, new byte[4], out fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.Disposed);
    }

    [Fact]
    public void What_a_handler_throws_becomes_the_fault()
    {
        var space = new DeviceAddressSpace("vm");
        var device = new RecordingHandler("device") { Start = 0x1000, Throws = new InvalidOperationException("broken") };
        using IDisposable registration = space.AddHandler(new GuestRange(0x1000, 0x10), device, "disk");
        using IDisposable doorbell = space.RegisterDoorbell(0x2000, null, null, DoorbellEvent.FromCallback(() => throw device.Throws));
        space.TryRead(0x1004, new byte[4], out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Other, 0x1004);
        (fault.Cause, fault.Exception, fault.BackingName).ShouldBe((FaultCause.Exception, device.Throws, "disk"));
        space.TryWrite(0x1004, new byte[4], out fault).ShouldBeFalse();
        fault.ToString().ShouldBe("guest memory 'vm': write error: failed to access 0x1004-0x1008: access failed in backing 'disk': broken");
        space.TryWrite(0x2000, new byte[4], out fault).ShouldBeFalse();
        fault.Exception.ShouldBe(device.Throws);
    }

    [Fact]
    public void Accesses_allocate_nothing()
    {
        using GuestMemory ram = GuestMemory.Allocate(Page);
        var space = new DeviceAddressSpace("vm");
        int rung = 0;
        using IDisposable memory = space.AddMemory(ram);
        using IDisposable doorbell = space.RegisterDoorbell(Page, 1, 4, DoorbellEvent.FromCallback(() => rung++));
        byte[] bytes = [1, 0, 0, 0];
        int done = 0;
        Allocations.Of(() =>
        {
            if (space.TryWrite(0, bytes, out _) && space.TryRead(0, bytes, out _) && space.TryWrite(Page, bytes, out _) && !space.TryRead(Page, bytes, out _))
            {
                done++;
            }
        }).ShouldBe(0);
        done.ShouldBePositive();
        rung.ShouldBe(done);
    }

    [Fact]
    public async Task Registrations_come_and_go_while_accesses_run()
    {
        using GuestMemory ram = GuestMemory.Allocate(Page);
        ram.Write(0, 0x0101010101010101UL);
        var space = new DeviceAddressSpace("vm");
        using IDisposable fallback = space.AddHandler(new GuestRange(0, 64), new SilentHandler());
        using var stop = new CancellationTokenSource();
        Task<int>[] accesses = [.. Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
        {
            int seen = 0;
            while (!stop.IsCancellationRequested || seen == 0)
            {
                // All of it from one and the same moment.
                ulong value = space.Read<ulong>(0);
                value.ShouldBeOneOf(0UL, 0x0101010101010101UL);
                space.Write(32, 5);
                seen++;
            }

            return seen;
        }))];
        for (int i = 0; i < 2000; i++)
        {
            IDisposable memory = space.AddMemory(0, ram, new GuestRange(0, 8));
            IDisposable doorbell = space.RegisterDoorbell(32, 5, 4, DoorbellEvent.FromCallback(() => { }));
            doorbell.Dispose();
            memory.Dispose();
        }

        await stop.CancelAsync();
        (await Task.WhenAll(accesses)).ShouldAllBe(seen => seen > 0);
    }

    private static void Unclaimed(DeviceAddressSpace space, ulong address)
    {
        space.TryRead(address, new byte[1], out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, address);
    }

    private sealed class SilentHandler : IMmioHandler
    {
        public void Read(ulong offset, Span<byte> data)
        {
        }

        public void Write(ulong offset, ReadOnlySpan<byte> data)
        {
        }
    }
}
