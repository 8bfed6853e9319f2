using System.Globalization;

using Hyperspan.Tests.Infrastructure;

namespace Hyperspan.Tests.Backing;

/// <summary>When addresses are given back without a finalizer.</summary>
public sealed unsafe class UnmapTests
{
    private const ulong Length = 3UL << 20;

    public static TheoryData<string> Kinds => new("heap", "shared", "foreign", "file", "sparse");

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Addresses_are_given_back_at_once_when_nothing_is_in_use(string kind)
    {
        GuestMemoryBacking backing = Make(kind);
        ulong address = (ulong)backing.Mapping;
        using (var memory = new GuestMemory(backing, "ram"))
        {
            memory.TryRead(8, out ulong _, out _).ShouldBeTrue();
            IsTaken(address).ShouldBeTrue();
        }

        IsTaken(address).ShouldBeTrue("a disposal alone keeps them");
        backing.DisposeAndUnmap();
        IsTaken(address).ShouldBeFalse();
        backing.DisposeAndUnmap();
        GC.KeepAlive(backing);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_lock_keeps_them_until_it_is_released(string kind)
    {
        GuestMemoryBacking backing = Make(kind);
        ulong address = (ulong)backing.Mapping;
        using GuestMemory memory = new GuestMemoryBuilder("ram").AddRegion(0, backing).LeaveBackingsOpen().Build();
        PinnedMemory locked = memory.Pin(4096, 8192, AccessType.Read);
        memory.Dispose();
        backing.DisposeAndUnmap();
        IsTaken(address).ShouldBeTrue();
        locked.Dispose();
        IsTaken(address).ShouldBeFalse();
        memory.TryRead(8, out ulong _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.Disposed);
        GC.KeepAlive(backing);
    }

    [Theory]
    [InlineData("heap")]
    [InlineData("shared")]
    [InlineData("sparse")]
    public void Under_a_memory_that_is_open_accesses_fail_and_do_not_crash(string kind) => ChildProcess.Run("unmap-under-memory", kind).ShouldSucceed();

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_memory_that_is_open_keeps_them_until_it_is_disposed(string kind)
    {
        GuestMemoryBacking backing = Make(kind);
        ulong address = (ulong)backing.Mapping;
        GuestMemory memory = new GuestMemoryBuilder("ram").AddRegion(0, backing).LeaveBackingsOpen().Build();
        backing.DisposeAndUnmap();
        IsTaken(address).ShouldBeTrue();
        memory.TryRead(8, out ulong _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.Disposed);
        memory.Dispose();
        backing.DisposeAndUnmap();
        IsTaken(address).ShouldBeFalse();
        GC.KeepAlive(backing);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Where_there_are_slices_they_are_left_to_the_finalizer(string kind)
    {
        GuestMemoryBacking backing = Make(kind);
        ulong address = (ulong)backing.Mapping;
        GuestMemory memory = new GuestMemoryBuilder("ram").AddRegion(0, backing).LeaveBackingsOpen().Build();
        GuestMemory slice = memory.Slice(4096, 8192);
        memory.Dispose();
        backing.DisposeAndUnmap();
        IsTaken(address).ShouldBeTrue();
        slice.TryRead(8, out ulong _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.Disposed);
        GC.KeepAlive(backing);
    }

    private static GuestMemoryBacking Make(string kind)
    {
        switch (kind)
        {
            case "heap":
                return new HeapBacking(Length);
            case "shared":
                return new SharedBacking(Length);
            case "foreign":
                using (var shared = new SharedBacking(Length))
                {
                    return new ForeignBacking(shared.Handle, 4096, Length - 4096);
                }

            case "file":
                using (var shared = new SharedBacking(Length))
                {
                    return new FileBacking(shared.Handle);
                }

            default:
                var sparse = new SparseBacking(Length);
                sparse.Commit(0, Length);
                return sparse;
        }
    }

    /// <summary>
    /// Whether something is mapped at an address. Another thread may map something there at any time, but not the whole range from the very address on.
    /// </summary>
    private static bool IsTaken(ulong address) => File.ReadLines("/proc/self/maps").Any(line =>
    {
        ulong[] range = [.. line.Split(' ')[0].Split('-').Select(text => ulong.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture))];
        return address >= range[0] && address < range[1];
    });
}
