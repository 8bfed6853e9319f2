using System.Globalization;

using Hyperspan.Tests.Infrastructure;

namespace Hyperspan.VhostUser.Tests;

/// <summary>
/// Whole conversations of hostile front ends, by seeds, in a child process: see the scenario. With HYPERSPAN_LONG=1 there are thousands, with seeds that are new each time.
/// </summary>
public sealed class HostileConversationTests
{
    [LinuxTheory]
    [InlineData(1)]
    [InlineData(2)]
    public void Whatever_a_front_end_says_others_are_served_and_nothing_is_left(int part)
    {
        bool isLong = Environment.GetEnvironmentVariable("HYPERSPAN_LONG") == "1";
        int seed = isLong ? Random.Shared.Next(1 << 30) : part * 1000;
        ChildResult result = ChildProcess.Run(
            "vhost-user-conversations", seed.ToString(CultureInfo.InvariantCulture), (isLong ? 5_000 : 150).ToString(CultureInfo.InvariantCulture));
        result.ShouldSucceed();
        result.Output.ShouldContain($"conversations from seed {seed}");
    }
}
