using Hyperspan.Tests.Infrastructure;

namespace Hyperspan.Tests.Resilience;

/// <summary>The kernel's limit on mappings is not reached on our account: the runtime would end the process at its next thread or collection.</summary>
[Trait("Category", "slow")]
public sealed class MappingLimitTests
{
    [Theory]
    [InlineData("commit")]
    [InlineData("zero")]
    [InlineData("file")]
    [InlineData("protect")]
    [InlineData("decommit")]
    [InlineData("backings")]
    public void More_mappings_are_refused_while_the_runtime_has_enough_left(string way)
    {
        ChildProcess.Run("many-mappings", way).ShouldSucceed();
    }
}
