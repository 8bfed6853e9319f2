namespace Hyperspan.TestHost;

/// <summary>Something that is run in a child process by a test.</summary>
public interface IScenario
{
    /// <summary>The first argument that selects it.</summary>
    string Name { get; }

    /// <summary>Runs it; the answer is the exit code of the process.</summary>
    int Run(string[] arguments);
}
