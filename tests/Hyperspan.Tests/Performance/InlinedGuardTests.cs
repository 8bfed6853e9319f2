using Hyperspan.Tests.Infrastructure;

namespace Hyperspan.Tests.Performance;

/// <summary>The guarded calls of the inlined paths, which the collector does not see, under constant collection and constant faults.</summary>
[Trait("Category", "slow")]
public sealed class InlinedGuardTests
{
    [LinuxFact]
    public void Survives_faults_and_collections_at_once()
    {
        ChildResult child = ChildProcess.Run("inlined-fault-storm");
        child.ExitCode.ShouldBe(0, child.ToString());
    }
}
