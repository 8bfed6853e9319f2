using Hyperspan.Tests.Infrastructure;

namespace Hyperspan.Tests.Resilience;

/// <summary>What could end the process, through <see cref="GuestMemory"/>, in processes of its own.</summary>
[Trait("Category", "slow")]
public class ChildProcessTests
{
    private const int HandlerExitCode = 77;
    private const int Aborted = 128 + 6;

    private static readonly Dictionary<string, string> Substitute = new(StringComparer.Ordinal) { ["HYPERSPAN_GUARD"] = "substitute" };

    [LinuxFact]
    public void Faults_in_lost_memory_are_exact_during_constant_collections_and_null_references_are_caught()
    {
        ChildProcess.Run("memory-faults", [LongRun.Argument(60_000, 3_000_000)], environment: null, LongRun.Timeout).ShouldSucceed();
    }

    [LinuxFact]
    public void Substitute_is_as_exact()
    {
        ChildProcess.Run("memory-faults", [LongRun.Argument(20_000, 1_000_000)], Substitute, LongRun.Timeout).ShouldSucceed();
    }

    [LinuxTheory]
    [InlineData("direct")]
    [InlineData("shared")]
    [InlineData("guarded")]
    [InlineData("table")]
    [InlineData("bitmap")]
    [InlineData("bitmap-guarded")]
    [InlineData("all")]
    public void Memory_disposed_during_use_is_as_written_or_disposed(string path)
    {
        ChildProcess.Run("memory-dispose", [LongRun.Argument(1.5, 60), path], environment: null, LongRun.Timeout).ShouldSucceed();
    }

    [LinuxTheory]
    [InlineData("runtime", "segv", Aborted)]
    [InlineData("runtime", "bus", Aborted)]
    [InlineData("exit77", "segv", HandlerExitCode)]
    [InlineData("exit77", "bus", HandlerExitCode)]
    public void Crash_handler_of_before_is_still_reached(string handler, string fault, int exitCode)
    {
        ChildResult result = ChildProcess.Run("guard-foreign-fault", handler, fault, "memory");
        result.ShouldExitWith(exitCode);
        result.Output.ShouldContain("recovered");
        result.Output.ShouldNotContain("survived");
    }

    /// <summary>With the substitute there is no machine code to call: zero bytes at address zero of memory with a limit of zero once did.</summary>
    [LinuxTheory]
    [InlineData("machine")]
    [InlineData("substitute")]
    public void Zero_bytes_succeed_at_any_address(string guard)
    {
        var environment = new Dictionary<string, string>(StringComparer.Ordinal) { ["HYPERSPAN_GUARD"] = guard };
        ChildProcess.Run("zero-bytes", [], environment).ShouldSucceed();
    }

    /// <summary>A device that its guest has write to its own registers; a translator that needs what it translates: the stack ended, and the process with it.</summary>
    [Fact]
    public void Calls_that_come_back_fail_before_the_stack_ends()
    {
        ChildProcess.Run("nested-calls").ShouldSucceed();
    }
}
