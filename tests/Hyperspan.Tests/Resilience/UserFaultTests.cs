using Hyperspan.Tests.Infrastructure;

namespace Hyperspan.Tests.Resilience;

/// <summary>Memory whose missing pages this process provides: it must neither deadlock with the collector nor crash.</summary>
[Trait("Category", "slow")]
public class UserFaultTests
{
    [LinuxFact]
    public void Faults_served_by_a_thread_that_collects_garbage_do_not_deadlock()
    {
        ChildProcess.Run("user-fault", ["block", LongRun.Argument(200, 2000)], environment: null, TimeSpan.FromMinutes(LongRun.IsOn ? 20 : 6)).ShouldSucceed();
    }

    [LinuxFact]
    public void Faults_answered_by_signals_are_populated_by_the_handler()
    {
        ChildProcess.Run("user-fault", ["signal", LongRun.Argument(2000, 200_000)], environment: null, LongRun.Timeout).ShouldSucceed();
    }
}
