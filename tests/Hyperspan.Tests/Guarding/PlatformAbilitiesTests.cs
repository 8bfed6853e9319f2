using System.Runtime.Intrinsics.X86;
using Hyperspan.Guarding;

namespace Hyperspan.Tests.Guarding;

public class PlatformAbilitiesTests
{
    public static TheoryData<HyperspanAbility> All() => [.. Enum.GetValues<HyperspanAbility>()];

    [Theory]
    [MemberData(nameof(All))]
    public void What_is_not_there_is_refused_by_its_name_and_with_the_reason(HyperspanAbility ability)
    {
        if (HyperspanEnvironment.WhyNot(ability) is { } reason)
        {
            Should.Throw<PlatformNotSupportedException>(() => HyperspanEnvironment.Demand(ability)).Message.ShouldBe($"{ability} is not there: {reason}.");
        }
        else
        {
            HyperspanEnvironment.Demand(ability);
        }
    }

    [LinuxFact]
    public void Linux_has_everything_but_for_partitions_of_other_processors()
    {
        Skip.IfNot(Guard.IsSupported, Guard.Description);
        HyperspanAbility[] missing = [.. Enum.GetValues<HyperspanAbility>().Where(ability => HyperspanEnvironment.WhyNot(ability) is not null)];
        missing.ShouldBe(X86Base.X64.IsSupported ? [] : [HyperspanAbility.Partition]);
    }

    [WindowsFact]
    public void Windows_has_what_is_in_the_table()
    {
        HyperspanAbility[] there = [.. Enum.GetValues<HyperspanAbility>().Where(ability => HyperspanEnvironment.WhyNot(ability) is null)];
        HyperspanAbility[] always = [HyperspanAbility.HeapMemory, HyperspanAbility.RecoveredFaults, HyperspanAbility.MappedMemory, HyperspanAbility.WatchedMappings];
        HyperspanAbility[] fileParts = HyperspanEnvironment.WhyNot(HyperspanAbility.MappedFileParts) is null ? [HyperspanAbility.MappedFileParts] : [];
        there.ShouldBe([.. always, .. fileParts]);
    }

    [PortableFact]
    public void Elsewhere_what_needs_a_mapping_is_refused_when_it_is_made()
    {
        Should.Throw<PlatformNotSupportedException>(() => new SharedBacking(4096)).Message.ShouldStartWith(nameof(HyperspanAbility.MappedMemory));
        Should.Throw<PlatformNotSupportedException>(() => new SparseBacking(4096)).Message.ShouldStartWith(nameof(HyperspanAbility.MappedMemory));
    }

    [Fact]
    public void An_ability_that_does_not_exist_is_a_mistake() =>
        Should.Throw<ArgumentOutOfRangeException>(() => HyperspanEnvironment.WhyNot((HyperspanAbility)(-1)));
}
