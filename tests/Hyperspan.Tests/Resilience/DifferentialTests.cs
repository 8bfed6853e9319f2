using Hyperspan.TestHost.Model;
using Hyperspan.Tests.Infrastructure;

namespace Hyperspan.Tests.Resilience;

/// <summary>The same sequences by every path give the same values, bytes and faults.</summary>
[Trait("Category", "slow")]
public class DifferentialTests
{
    private static readonly Dictionary<string, string> Substitute = new(StringComparer.Ordinal) { ["HYPERSPAN_GUARD"] = "substitute" };

    public static TheoryData<ModelLayout> Layouts =>
        [ModelLayout.OneRegion, ModelLayout.Touching, ModelLayout.Strict, ModelLayout.Gaps, ModelLayout.TopOfAddressSpace, ModelLayout.OddStart];

    [LinuxTheory]
    [MemberData(nameof(Layouts))]
    public void Every_path_answers_alike(ModelLayout layout)
    {
        BackingKind[] kinds =
        [
            BackingKind.Heap, BackingKind.Shared, BackingKind.Sparse, BackingKind.Blocking, BackingKind.File, BackingKind.Foreign,
            BackingKind.Device, BackingKind.FallbackOnFault, BackingKind.RestrictedHeap, BackingKind.RestrictedSparse,
        ];
        for (int seed = 0; seed < LongRun.Count(10, 1000); seed++)
        {
            // Without what differs by its nature: pages that go, and locks, which devices do not have.
            ModelCommand[] commands =
            [
                .. ModelCommand.Sequence(seed, 80).Where(command => command.Operation is not (ModelOperation.Change
                    or ModelOperation.Lock or ModelOperation.LockPages or ModelOperation.Unlock)),
            ];
            ulong direct = new ModelScript(layout, [kinds[0]], commands).Run();
            foreach (BackingKind kind in kinds[1..])
            {
                new ModelScript(layout, [kind], commands).Run().ShouldBe(direct, $"{kind} and {kinds[0]} differ with seed {seed}");
            }
        }
    }

    [LinuxFact]
    public void Substitute_without_executable_pages_answers_as_machine_code_does()
    {
        string[] arguments = ["1000", LongRun.Argument(80, 8000), "60"];
        ChildResult machine = ChildProcess.Run("model", arguments, environment: null, LongRun.Timeout);
        ChildResult substitute = ChildProcess.Run("model", arguments, Substitute, LongRun.Timeout);
        machine.ShouldSucceed();
        substitute.ShouldSucceed();
        substitute.Output.ShouldContain("machine=False");
        Digest(substitute).ShouldBe(Digest(machine));

        static string Digest(ChildResult result) => result.Output.Split(' ')[0];
    }
}
