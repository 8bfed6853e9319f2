using FsCheck;
using FsCheck.Fluent;
using Hyperspan.TestHost.Model;
using Microsoft.FSharp.Core;
using Xunit.Abstractions;

namespace Hyperspan.Tests.Resilience;

/// <summary>
/// Every public operation of <see cref="GuestMemory"/> over every kind of backing and layout, against a byte-array model. A failure shrinks to a
/// script that can be read, and run again by its text.
/// </summary>
[Trait("Category", "slow")]
public class ModelTests(ITestOutputHelper output)
{
    private const int StepsAScript = 60;

    private static Arbitrary<ModelCommand> Commands { get; } =
        Gen.Choose(0, ModelCommand.Most - 1).ListOf(ModelCommand.Numbers).Select(numbers => ModelCommand.From([.. numbers])).ToArbitrary();

    private static Arbitrary<BackingKind[]> Kinds { get; } = Gen.Elements(Enum.GetValues<BackingKind>()).ArrayOf(3).ToArbitrary();

    public static TheoryData<ModelLayout> Layouts => [.. Enum.GetValues<ModelLayout>()];

    [LinuxTheory]
    [MemberData(nameof(Layouts))]
    public void Memory_does_what_the_model_does(ModelLayout layout)
    {
        // A million and a half steps in the long run, over all layouts. The seed is fixed unless the run is long.
        Config config = Config.QuickThrowOnFailure.WithMaxTest(LongRun.Count(60, 3200)).WithStartSize(StepsAScript).WithEndSize(StepsAScript + 1);
        if (!LongRun.IsOn)
        {
            config = config.WithReplay(FSharpOption<Replay>.Some(new Replay(new Rnd(4711UL + (ulong)layout, 13UL), FSharpOption<int>.None)));
        }

        Gen<ModelScript> scripts =
            from kinds in Kinds.Generator
            from commands in Commands.Generator.ArrayOf(StepsAScript)
            select new ModelScript(layout, kinds, commands);
        long operations = 0;
        Prop.ForAll(Arb.From(scripts, Shrink), script =>
        {
            script.Run();
            operations += script.Commands.Count;
        }).Check(config);
        output.WriteLine($"{operations} operations");
    }

    private static IEnumerable<ModelScript> Shrink(ModelScript script) =>
        Arb.Array(Commands).Shrinker([.. script.Commands]).Select(commands => script with { Commands = commands });
}
