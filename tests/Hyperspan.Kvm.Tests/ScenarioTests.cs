using Hyperspan.Kvm.Tests.Infrastructure;

namespace Hyperspan.Kvm.Tests;

/// <summary>What could take the process with it.</summary>
public sealed class ScenarioTests
{
    [SkippableFact]
    public void Partitions_made_and_disposed_by_the_hundred_leave_no_descriptor_and_no_mapping() => Scenario.ShouldEndWell("partitions");

    [SkippableFact]
    public void Collections_go_on_while_processors_spin_in_the_guest() => Scenario.ShouldEndWell("collections");

    [SkippableFact]
    public void Partitions_are_disposed_while_their_processors_run() => Scenario.ShouldEndWell("killed");
}
