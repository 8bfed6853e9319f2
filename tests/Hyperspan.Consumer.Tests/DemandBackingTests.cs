using Hyperspan.Testing;

namespace Hyperspan.Consumer.Tests;

/// <summary>Memory that faults on demand, as the tests of a user's own machine use it.</summary>
public class DemandBackingTests
{
    private const ulong Page = 4096;

    public DemandBackingTests() =>
        Skip.IfNot(HyperspanEnvironment.GetGuardMode() == GuardMode.MachineCode, "memory that faults on demand needs Linux and the guard");

    [SkippableFact]
    public void A_block_appears_when_it_is_touched_once()
    {
        var backing = new DemandBacking(16 * Page, 4 * Page);
        using var memory = new GuestMemory(backing, "ram");
        memory.Write(5 * Page, 7UL);
        memory.Read<ulong>(5 * Page).ShouldBe(7UL);
        memory.Read<ulong>(4 * Page).ShouldBe(0UL);
        backing.Faults.ShouldBe(1);
        memory.Fill(0, 0xaa, 16 * Page);
        backing.Faults.ShouldBe(4);
    }

    [SkippableFact]
    public void What_is_evicted_faults_again_and_is_zero()
    {
        var backing = new DemandBacking(4 * Page);
        using var memory = new GuestMemory(backing, "ram");
        memory.Fill(0, 1, 4 * Page);
        backing.Evict(Page, Page);
        memory.Read<byte>(Page).ShouldBe((byte)0);
        memory.Read<byte>(2 * Page).ShouldBe((byte)1);
        backing.Faults.ShouldBe(5);
        backing.Evict();
        memory.Read<byte>(2 * Page).ShouldBe((byte)0);
    }

    [SkippableFact]
    public void A_refused_fault_is_the_fault_of_the_access()
    {
        var backing = new DemandBacking(4 * Page) { Refusal = fault => fault.IsWrite ? GuestMemoryFaultKind.Restricted : null };
        using var memory = new GuestMemory(backing, "ram");
        memory.TryWrite(Page + 8, 1UL, out GuestMemoryFault fault).ShouldBeFalse();
        (fault.Kind, fault.Address).ShouldBe((GuestMemoryFaultKind.Restricted, new GuestAddress(Page + 8)));
        memory.TryRead(Page + 8, out ulong value, out fault).ShouldBeTrue();
        value.ShouldBe(0UL);
        backing.Faults.ShouldBe(2);
    }

    [SkippableFact]
    public void Pages_that_are_locked_are_not_evicted()
    {
        var backing = new DemandBacking(4 * Page);
        using var memory = new GuestMemory(backing, "ram");
        using (PinnedMemory locked = memory.Pin(Page, Page, AccessType.Write))
        {
            Should.Throw<InvalidOperationException>(() => backing.Evict());
            Should.Throw<InvalidOperationException>(() => backing.Evict(Page, Page));
            backing.Evict(2 * Page, Page);
        }

        backing.Evict();
    }

    [Theory]
    [InlineData(4 * Page, 3000)]
    [InlineData(4 * Page, 2048)]
    [InlineData(3 * Page, 2 * Page)]
    public void Lengths_are_whole_blocks(ulong length, ulong block) => Should.Throw<ArgumentException>(() => new DemandBacking(length, block));

    [SkippableFact]
    public void Only_whole_blocks_of_it_are_evicted()
    {
        using var backing = new DemandBacking(4 * Page, 2 * Page);
        Should.Throw<ArgumentException>(() => backing.Evict(Page, Page));
        Should.Throw<ArgumentException>(() => backing.Evict(2 * Page, 4 * Page));
    }
}
