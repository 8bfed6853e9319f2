namespace Hyperspan.VhostUser.Tests;

/// <summary>Tables that are refused for what else there is.</summary>
public sealed class MemoryLimitTests : IDisposable
{
    private readonly TestMemory _memory = new(0x10000);

    [Fact]
    public void Regions_that_fit_alone_may_be_too_much_together()
    {
        var options = new VhostUserOptions { MaximumMemory = 0x3000 };
        using var harness = new Harness(options: options);
        harness.FrontEnd.Negotiate();
        harness.FrontEnd.AddMemory(_memory.Region(0, 0x2000));
        harness.FrontEnd.AddMemory(_memory.Region(0x2000, 0x1000, 0x2000));
        Should.Throw<VhostUserException>(() => harness.FrontEnd.AddMemory(_memory.Region(0x3000, 0x1000, 0x3000)));
        harness.End().ToString().ShouldContain("more than the 0x3000 bytes");
    }

    [Fact]
    public void A_table_that_a_started_ring_refuses_leaves_nothing_mapped()
    {
        OpenDescriptors.ShouldNotGrow(() =>
        {
            using var harness = new Harness();
            harness.FrontEnd.Negotiate();
            harness.FrontEnd.SetMemory(_memory.Region());
            TestDriver driver = ConversationTests.NewDriver(_memory, 0x1000);
            using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, driver.Layout);
            Should.Throw<VhostUserException>(() => harness.FrontEnd.SetMemory(_memory.Region(0x8000, 0x1000, 0x8000)));
            harness.End().ToString().ShouldContain("would not be in shared memory any more");
        });
    }

    [Fact]
    public void A_ring_lies_in_guest_memory_in_one_piece()
    {
        // One after the other in the front end, apart in the guest.
        using var harness = new Harness();
        harness.FrontEnd.Negotiate();
        harness.FrontEnd.SetMemory(
            _memory.Region(0, 0x2000),
            new VhostUserSharedMemory(new VhostUserMemoryRegion(0x8000, 0x2000, TestMemory.UserOffset + 0x2000, 0x2000), _memory.File));
        harness.FrontEnd.SetVring(VhostUserMessage.SetVringSize, 0, 16);
        byte[] place = new byte[40];
        ulong[] addresses = [TestMemory.UserOffset + 0x1f80, TestMemory.UserOffset + 0x1000, TestMemory.UserOffset];
        Buffer.BlockCopy(addresses, 0, place, 8, 24);
        harness.FrontEnd.Send(VhostUserMessage.SetVringAddress, place);
        harness.End().ToString().ShouldContain("not all in shared memory");
    }

    public void Dispose() => _memory.Dispose();
}
