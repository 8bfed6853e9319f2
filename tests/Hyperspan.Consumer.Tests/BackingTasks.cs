using System.Runtime.InteropServices;

namespace Hyperspan.Consumer.Tests;

/// <summary>Ordinary tasks: shared memory, backings of one's own, restrictions.</summary>
public class BackingTasks
{
    private const ulong Page = 4096;

    [LinuxFact]
    public void Share_memory_over_a_memfd()
    {
        using var memory = new GuestMemory(new SharedBacking(16 * Page), "ram");
        ShareableRegion shared = memory.GetShareableRegions().ShouldHaveSingleItem();
        using var peer = new GuestMemory(new ForeignBacking(shared.Handle, shared.FileOffset, shared.Length), "peer");
        peer.Write(0x123, 0xabcdefUL);
        memory.Read<ulong>(0x123).ShouldBe(0xabcdefUL);

        string path = $"/proc/self/fd/{shared.Handle.DangerousGetHandle()}";
        using var opened = new GuestMemory(ForeignBacking.Open(path, new ForeignBackingOptions { Writable = false }), "by path");
        opened.Read<ulong>(0x123).ShouldBe(0xabcdefUL);
        opened.TryWrite(0x123, 1UL, out GuestMemoryFault fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.ReadOnly);
        Should.Throw<FileNotFoundException>(() => ForeignBacking.Open("/dev/shm/there-is-no-such-memory"));
    }

    [LinuxFact]
    public void Bring_pages_in_when_they_are_touched()
    {
        // <guide>
        var backing = new OnDemand(8 * Page);
        using var memory = new GuestMemory(backing, "on demand");
        memory.Read<uint>((3 * Page) + 8).ShouldBe(3u);            // faults, is served by the handler, and goes on
        // </guide>
        memory.Read<uint>((3 * Page) + 12).ShouldBe(3u);
        backing.Loaded.ShouldBe([3UL]);
        memory.Read<ulong>((5 * Page) - 4).ShouldBe(0x0000_0005_0000_0004UL);
        backing.Loaded.ShouldBe([3, 4, 5]);
        memory.Exchange(6 * Page, 100u).ShouldBe(6u);
    }

    [LinuxFact]
    public async Task Restrict_pages()
    {
        // <guide>
        var bitmaps = new AccessBitmaps(8 * Page);                                  // everything may be read and written
        using var memory = new GuestMemory(new HeapBacking(8 * Page) { AccessBitmaps = bitmaps }, "restricted");
        memory.Write(2 * Page, 7u);
        await bitmaps.ProtectAsync(2 * Page, Page, Protection.Read);                // from here on no write lands there
        memory.Read<uint>(2 * Page).ShouldBe(7u);
        memory.TryWrite(2 * Page, 8u, out GuestMemoryFault fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.Restricted);
        memory.Protect(4 * Page, 2 * Page, Protection.None);                        // the same by guest-physical addresses, over as many regions as there are
        memory.GetProtection(4 * Page).ShouldBe(Protection.None);

        // </guide>
        memory.TryProbe(new GuestRange(0, 8 * Page), AccessType.Write, out fault).ShouldBeFalse();
        fault.Address.ShouldBe(new GuestAddress(2 * Page));
        Should.Throw<GuestMemoryException>(() => memory.Probe(0, 8 * Page, AccessType.Write));
    }

    // <guide>
    /// <summary>Pages that appear when they are touched, filled with their numbers.</summary>
    private sealed unsafe class OnDemand(ulong length) : GuestMemoryBacking
    {
        private readonly SparseBacking _mapping = new(length);

        public override ulong Length => length;

        public override byte* Mapping => _mapping.Mapping;

        public List<ulong> Loaded { get; } = [];

        protected override PageFaultAction OnPageFault(in PageFault fault)
        {
            GuestAddress page = new GuestAddress(fault.Offset).AlignDown(GuestAddress.PageSize);
            _mapping.Commit(page.Value, GuestAddress.PageSize);
            MemoryMarshal.Cast<byte, uint>(new Span<byte>(_mapping.Mapping + page.Value, GuestAddress.PageSize)).Fill((uint)page.PageNumber);
            Loaded.Add(page.PageNumber);
            return PageFaultAction.Retry;
        }

        protected override void Release() => _mapping.Dispose();
    }

    // </guide>
}
