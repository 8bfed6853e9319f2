using Hyperspan.Tests.Infrastructure;

namespace Hyperspan.Tests.Synchronization;

/// <summary>
/// That writers issue the barriers by which their readers go without fences. A litmus test without them fails only now and then; here the kernel is told to end the
/// process at the barrier, so that it either is issued or is not.
/// </summary>
public class ProcessBarrierTests
{
    private const int EndedAtTheBarrier = 128 + 31;

    [LinuxTheory]
    [InlineData("control", "fence")]
    [InlineData("domain", "fence")]
    [InlineData("restrictions", "fence")]
    [InlineData("restrictions", "restart")]
    [InlineData("memory", "fence")]
    [InlineData("memory", "restart")]
    [InlineData("memory-async", "restart")]
    public void A_writer_issues_the_barrier(string what, string barrier)
    {
        ChildResult child = ChildProcess.Run("barrier", what, barrier);
        child.ShouldExitWith(EndedAtTheBarrier);
        child.Output.ShouldContain("armed");
        child.Output.ShouldNotContain("survived");
    }

    /// <summary>That it is the barrier alone which ends the process, and that it is spared where nobody needs it.</summary>
    [LinuxTheory]
    [InlineData("quiescent", "fence")]
    [InlineData("domain", "restart")]
    public void Where_it_is_not_needed_there_is_none(string what, string barrier)
    {
        ChildResult child = ChildProcess.Run("barrier", what, barrier);
        child.ShouldSucceed();
        child.Output.ShouldContain("survived");
    }
}
