using Hyperspan.Tests.Infrastructure;

namespace Hyperspan.VhostUser.Tests;

/// <summary>Serving where something runs out: it is named, nothing is left, and afterwards it works as before. In a child process, which changes its own limits.</summary>
[Trait("Category", "slow")]
public sealed class LimitTests
{
    [LinuxTheory]
    [InlineData("threads", "the thread of queue 1 cannot be started")]
    [InlineData("events", "eventfd: Operation not permitted")]
    [InlineData("listen", "AccessDenied")]
    [InlineData("mode", "denied")]
    [InlineData("group", "the socket cannot be given to group 0: Operation not permitted")]
    [InlineData("files", "of 40 failed")]
    public void What_runs_out_is_named_and_nothing_that_was_made_is_left(string what, string said)
    {
        ChildResult result = ChildProcess.Run("vhost-user-limits", what);
        result.ShouldSucceed();
        result.Output.ShouldContain(said);
    }
}
