using System.Globalization;
using Hyperspan.TestHost.Scenarios;
using Hyperspan.Tests.Infrastructure;

namespace Hyperspan.Tests.Guarding;

/// <summary>What concerns the whole process, each in a child of its own.</summary>
[Trait("Category", "slow")]
public class GuardProcessTests
{
    private const int Aborted = 128 + 6;
    private const int KilledBySegv = 128 + 11;
    private const int KilledByBus = 128 + 7;

    private static readonly Dictionary<string, string> Substitute = new(StringComparer.Ordinal) { ["HYPERSPAN_GUARD"] = "substitute" };

    /// <summary>HYPERSPAN_TEST_FAULTS raises the number of faults, to half a million for instance.</summary>
    private static string Faults(int few) => Environment.GetEnvironmentVariable("HYPERSPAN_TEST_FAULTS") ?? few.ToString(CultureInfo.InvariantCulture);

    [LinuxFact]
    public void Faults_are_recovered_during_constant_collections_and_null_references_are_caught()
    {
        ChildProcess.Run("guard-fault-storm", Faults(60_000)).ShouldSucceed();
    }

    [LinuxTheory]
    [InlineData("--block-signal=SEGV,BUS")]
    [InlineData("--block-signal=BUS")]
    [InlineData("--block-signal=SEGV")]
    public void Signals_that_the_parent_blocks_are_taken(string blocked)
    {
        ChildResult result = ChildProcess.Run("blocked-signals", ["inherited"], environment: null, timeout: null, "env", blocked);
        result.ShouldSucceed();
        result.Output.ShouldContain("faults");
    }

    [LinuxTheory]
    [InlineData("prepared")]
    [InlineData("restricted")]
    public void A_thread_that_blocks_the_signals_of_faults_takes_them_once_it_is_known(string how)
    {
        ChildProcess.Run("blocked-signals", how).ShouldSucceed();
    }

    [LinuxFact]
    public void A_thread_that_blocks_them_and_is_not_prepared_is_killed()
    {
        ChildProcess.Run("blocked-signals", "control").ExitCode.ShouldBeOneOf(KilledBySegv, Aborted);
    }

    [LinuxFact]
    public void Substitute_survives_the_same()
    {
        ChildResult result = ChildProcess.Run("guard-fault-storm", [Faults(60_000)], Substitute);
        result.ShouldSucceed();
        result.Output.ShouldContain("machine=False");
    }

    [LinuxFact]
    public void Substitute_is_chosen_by_the_environment_and_says_why()
    {
        ChildResult result = ChildProcess.Run("guard-description", [], Substitute);
        result.ShouldSucceed();
        result.Output.ShouldContain("machine=False");
        result.Output.ShouldContain("HYPERSPAN_GUARD");
    }

    [LinuxFact]
    public void Substitute_is_chosen_by_the_switch()
    {
        ChildResult result = ChildProcess.Run("guard-description", "switch");
        result.ShouldSucceed();
        result.Output.ShouldContain("machine=False");
        result.Output.ShouldContain("Hyperspan.Guard.Substitute");
    }

    [LinuxTheory]
    [InlineData("before", "process_vm_readv fails")]
    [InlineData("after", "faults")]
    public void Where_no_guard_can_work_memory_is_refused_with_the_reason_and_no_access_throws(string refused, string says)
    {
        ChildResult result = ChildProcess.Run("guard-refused", refused);
        result.ShouldSucceed();
        result.Output.ShouldContain(says);
    }

    [LinuxTheory]
    [InlineData("store")]
    [InlineData("exchange")]
    public void An_interrupt_does_not_end_an_access_under_bitmaps_half_way(string access)
    {
        ChildResult result = ChildProcess.Run("interrupted-access", access);
        result.ShouldSucceed();
        result.Output.Trim().ShouldBe("done, interrupted, 6");
    }

    [LinuxTheory]
    [InlineData("runtime", "segv", Aborted)]
    [InlineData("runtime", "bus", Aborted)]
    [InlineData("exit77", "segv", GuardForeignFaultScenario.HandlerExitCode)]
    [InlineData("exit77", "bus", GuardForeignFaultScenario.HandlerExitCode)]
    [InlineData("exit77", "sent", GuardForeignFaultScenario.HandlerExitCode)]
    [InlineData("plain77", "segv", GuardForeignFaultScenario.HandlerExitCode)]
    [InlineData("default", "segv", KilledBySegv)]
    [InlineData("default", "bus", KilledByBus)]
    [InlineData("default", "sent", KilledBySegv)]
    [InlineData("ignored", "segv", KilledBySegv)]
    [InlineData("once", "segv", KilledBySegv)]
    [InlineData("once", "bus", KilledByBus)]
    public void Fault_that_is_not_ours_ends_as_it_would_without_us(string handler, string fault, int exitCode)
    {
        ChildResult result = ChildProcess.Run("guard-foreign-fault", handler, fault);
        result.ShouldExitWith(exitCode);
        result.Output.ShouldContain("recovered");
        result.Output.ShouldNotContain("survived");
        if (handler == "once")
        {
            result.Output.ShouldContain("handled", Case.Sensitive);
        }
    }

    [LinuxFact]
    public void Signal_that_was_ignored_stays_ignored()
    {
        ChildResult result = ChildProcess.Run("guard-foreign-fault", "ignored", "sent");
        result.ShouldSucceed();
        result.Output.ShouldContain("survived");
    }

    /// <summary>SIGBUS with SA_ONSTACK, which its handler did not have before ours, ended the process here within a second.</summary>
    [LinuxTheory]
    [InlineData("current")]
    [InlineData("alternate")]
    public void Faults_are_recovered_under_signals_that_interrupt_them_all_the_time(string stack)
    {
        ChildProcess.Run("signal-stack", "guarded", stack, "20000").ShouldSucceed();
    }

    [LinuxTheory]
    [InlineData("5000", "1", "store")]
    [InlineData("5000", "1", "exchange")]
    [InlineData("5000", "1", "bytes")]
    [InlineData("200", "3", "store")]
    [InlineData("200", "3", "exchange")]
    [InlineData("200", "3", "bytes")]
    public void No_write_takes_effect_after_its_bit_was_cleared_and_flushed(string rounds, string writers, string mode)
    {
        ChildProcess.Run("guard-restartable-litmus", rounds, writers, mode).ShouldSucceed();
    }

    [LinuxTheory]
    [InlineData("broken")]
    [InlineData("unflushed")]
    public void Writes_that_only_look_at_the_bit_and_restrictions_without_flush_are_caught(string mode)
    {
        Skip.If(Environment.ProcessorCount < 2, "needs two processors: on one, every switch of threads is a barrier");
        ChildResult child = ChildProcess.Run("guard-restartable-litmus", "5000", "1", mode);
        Skip.If(child.ExitCode == 0, "Inconclusive: what has to be caught was not, in its time.");
        child.ShouldExitWith(GuardRestartableLitmusScenario.Violated);
    }
}
