namespace Hyperspan.Kvm.Tests.Scenarios;

/// <summary>What runs in a process of its own.</summary>
internal static class ScenarioRegistry
{
    internal static int Run(string name)
    {
        switch (name)
        {
            case "partitions":
                PartitionsScenario.Run();
                break;
            case "collections":
                CollectionsScenario.Run();
                break;
            case "killed":
                KilledScenario.Run();
                break;
            default:
                Console.Error.WriteLine($"no scenario {name}");
                return 2;
        }

        Console.WriteLine("ended well");
        return 0;
    }
}
