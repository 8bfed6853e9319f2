using Hyperspan.TestHost.Storms;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>A file is memory though statx(2) is refused with EPERM, as container runtimes do that are older than it. Argument: the path of a file of at least a page.</summary>
public sealed class RefusedStatusScenario : IScenario
{
    private const uint NotPermitted = 1;

    public string Name => "refused-status";

    public int Run(string[] arguments)
    {
        if (!ForbiddenCalls.TryForbid([ForbiddenCalls.Statx], NotPermitted, out string reason))
        {
            Console.WriteLine(reason);
            return ScenarioExit.Unavailable;
        }

        using var memory = new GuestMemory(new FileBacking(arguments[0]), "file");
        Console.WriteLine($"{memory.Length} bytes, {memory.Read<ulong>(8)}");
        return ScenarioExit.Success;
    }
}
