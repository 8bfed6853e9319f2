namespace Hyperspan.VhostUser.Tests;

/// <summary>The limit on memory is one on all regions together.</summary>
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

    public void Dispose() => _memory.Dispose();
}
