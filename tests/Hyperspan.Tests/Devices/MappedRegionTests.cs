using Hyperspan.Devices;
using Hyperspan.Tests.Backing;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Tests.Devices;

public sealed class MappedRegionTests : IDisposable
{
    private const ulong Page = GuestAddress.PageSize;

    private readonly DeviceAddressSpace _space = new("vm");
    private readonly RecordingHandler _device = new("device") { Start = 0x10_0000 };
    private readonly TemporaryFile _temporary = new(0);
    private readonly SafeFileHandle _file;

    public MappedRegionTests()
    {
        _space.AddHandler(new GuestRange(0x10_0000, 0x10_0000), _device);
        _file = File.OpenHandle(_temporary.Path, FileMode.Open, FileAccess.ReadWrite);
        RandomAccess.Write(_file, MemoryAssert.Pattern(4 * (int)SelfProbe.Page), 0);
    }

    public void Dispose()
    {
        _file.Dispose();
        _temporary.Dispose();
    }

    [Fact]
    public void A_region_shows_what_is_mapped_into_it()
    {
        ulong unit = SelfProbe.Page;
        (IMappableGuestMemory guest, IMappedMemoryRegion region) = _space.CreateRegion(4 * unit, "bar0");
        using (guest)
        {
            region.Length.ShouldBe(4 * unit);
            region.Map(0, _file, unit, 2 * unit, writable: true);
            guest.MapToGuest(0x10_0000, writable: true);
            ReadFromSpace(0x10_0000).ShouldBe(ReadFromFile(unit));
            _space.Write(0x10_0008 + unit, 0x55UL);
            BitConverter.ToUInt64(ReadFromFile(2 * unit), 8).ShouldBe(0x55UL);

            // Where nothing is mapped it fails; it does not reach the handler.
            _space.TryRead(0x10_0000 + (2 * unit), new byte[1], out GuestMemoryFault fault).ShouldBeFalse();
            fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, 0x10_0000 + (2 * unit));

            // Over a part of what is there.
            region.Map(unit, _file, 0, unit, writable: true);
            ReadFromSpace(0x10_0000).ShouldBe(ReadFromFile(unit));
            ReadFromSpace(0x10_0000 + unit).ShouldBe(ReadFromFile(0));
            region.Unmap(0, unit);
            region.Unmap(0, 4 * unit);
            _space.TryRead(0x10_0000 + unit, new byte[1], out fault).ShouldBeFalse();
            fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, 0x10_0000 + unit);
            _device.Log.ShouldBeEmpty();
        }

        _space.Read<byte>(0x10_0000);
        _device.Log.ShouldBe(["device: read 100000+1"]);
    }

    [Fact]
    public void A_write_to_a_region_that_is_not_writable_goes_to_the_handler()
    {
        (IMappableGuestMemory guest, IMappedMemoryRegion region) = _space.CreateRegion(Page, "bar0");
        using (guest)
        {
            region.Map(0, _file, 0, Page, writable: true);
            guest.MapToGuest(0x10_0000, writable: false);
            byte[] before = ReadFromFile(0);
            _space.Write(0x10_0004, 0x01020304);
            _device.Log.ShouldBe(["device: write 100004+4 04030201"]);
            ReadFromFile(0).ShouldBe(before);
            ReadFromSpace(0x10_0000).ShouldBe(before);
            _device.Log.Count.ShouldBe(1);
        }
    }

    [Fact]
    public void A_region_moves_when_the_guest_moves_it()
    {
        (IMappableGuestMemory guest, IMappedMemoryRegion region) = _space.CreateRegion(Page, "bar0");
        region.Map(0, _file, 0, Page, writable: true);
        guest.UnmapFromGuest();
        guest.MapToGuest(0x10_0000, writable: true);
        Should.Throw<InvalidOperationException>(() => guest.MapToGuest(0x11_0000, writable: true))
            .Message.ShouldBe("The memory 'bar0' is mapped to the guest already.");
        guest.UnmapFromGuest();
        guest.MapToGuest(0x11_0000, writable: true);
        ReadFromSpace(0x11_0000).ShouldBe(ReadFromFile(0));
        _space.Read<byte>(0x10_0000);
        _device.Log.ShouldBe(["device: read 100000+1"]);

        (IMappableGuestMemory other, _) = _space.CreateRegion(Page, "bar1");
        Should.Throw<InvalidOperationException>(() => other.MapToGuest(0x11_0800, writable: true))
            .Message.ShouldBe("The memory 'bar1' at 0x110800-0x111800 overlaps the memory 'bar0' at 0x110000-0x111000.");
        Should.Throw<ArgumentException>(() => other.MapToGuest(ulong.MaxValue - Page + 2, writable: true));
        other.MapToGuest(0x12_0000, writable: true);
        guest.Dispose();
        guest.Dispose();
        other.Dispose();
        Should.Throw<ObjectDisposedException>(() => guest.MapToGuest(0, writable: true));
        Should.Throw<ObjectDisposedException>(() => region.Map(0, _file, 0, Page, writable: true));
        Should.Throw<ObjectDisposedException>(() => region.Unmap(0, Page));
        guest.UnmapFromGuest();
    }

    private byte[] ReadFromSpace(ulong address)
    {
        var bytes = new byte[Page];
        _space.Read(address, bytes);
        return bytes;
    }

    private byte[] ReadFromFile(ulong offset)
    {
        var bytes = new byte[Page];
        RandomAccess.Read(_file, bytes, (long)offset).ShouldBe(bytes.Length);
        return bytes;
    }
}
