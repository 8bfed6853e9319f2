using Hyperspan.Tests.Infrastructure;

namespace Hyperspan.Tests;

/// <summary>The last reference to a memory is dropped in the middle of an access.</summary>
public class KeepAliveTests
{
    // Without optimization, variables would live to the end of their method and keep what the library has to keep.
    private static readonly Dictionary<string, string> Optimized = new(StringComparer.Ordinal) { ["DOTNET_TieredCompilation"] = "0" };

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    [SkippableTheory]
    [InlineData("read")]
    [InlineData("write")]
    [InlineData("exchange")]
    [InlineData("bytes")]
    [InlineData("write-bytes")]
    [InlineData("fill")]
    [InlineData("copy")]
    [InlineData("probe")]
    [InlineData("lock")]
    public void An_access_keeps_its_memory(string operation) => Run(operation);

    [LinuxFact]
    public void A_bare_pointer_does_not_which_shows_that_these_tests_can_fail() => Run("control");

    private static void Run(string operation)
    {
        ChildProcess.Run("keep-alive", [operation], Optimized, Patience).ShouldSucceed();
    }
}
