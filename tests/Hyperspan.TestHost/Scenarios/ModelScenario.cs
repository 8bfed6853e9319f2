using System.Globalization;
using Hyperspan.TestHost.Model;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>
/// Random scripts against the model. Prints a digest of everything the memories answered, for comparison with another way of guarding.
/// Arguments: the first seed, the number of scripts, the number of steps of each, and the size of the pages that change as a whole, if not 4096: the digest depends on it.
/// </summary>
public sealed class ModelScenario : IScenario
{
    public string Name => "model";

    /// <summary>The script that belongs to a seed.</summary>
    public static ModelScript Script(int seed, int steps)
    {
        var random = new Random(seed);
        BackingKind[] kinds = [.. Enumerable.Range(0, 3).Select(_ => (BackingKind)random.Next(Enum.GetValues<BackingKind>().Length))];
        return new ModelScript((ModelLayout)(seed % Enum.GetValues<ModelLayout>().Length), kinds, ModelCommand.Sequence(seed, steps));
    }

    public int Run(string[] arguments)
    {
        int first = int.Parse(arguments[0], CultureInfo.InvariantCulture);
        int count = int.Parse(arguments[1], CultureInfo.InvariantCulture);
        int steps = int.Parse(arguments[2], CultureInfo.InvariantCulture);
        ModelBacking.PageSize = arguments.Length > 3 ? int.Parse(arguments[3], CultureInfo.InvariantCulture) : GuestAddress.PageSize;
        ulong digest = 0;
        try
        {
            for (int seed = first; seed < first + count; seed++)
            {
                digest = (digest * 31) + Script(seed, steps).Run();
            }
        }
        catch (ModelFailureException e)
        {
            Console.WriteLine(e.Message);
            return ScenarioExit.Failure;
        }

        Console.WriteLine($"digest={digest:x16} machine={Guarding.Guard.UsesMachineCode}");
        return ScenarioExit.Success;
    }
}
