using Hyperspan.TestHost;

// Runs one scenario, named by the first argument, in a process of its own: what may crash must not take the tests with it.
if (args.Length == 0)
{
    Console.Error.WriteLine("usage: Hyperspan.TestHost <scenario> [arguments]; scenarios:");
    foreach (IScenario known in ScenarioRegistry.All)
    {
        Console.Error.WriteLine("  " + known.Name);
    }

    return ScenarioExit.Usage;
}

IScenario? scenario = ScenarioRegistry.All.FirstOrDefault(x => x.Name == args[0]);
if (scenario is null)
{
    Console.Error.WriteLine($"unknown scenario '{args[0]}'");
    return ScenarioExit.Usage;
}

return scenario.Run(args[1..]);
