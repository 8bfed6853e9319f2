using Hyperspan.Kvm.Tests.Infrastructure;
using Hyperspan.Kvm.Tests.Scenarios;

namespace Hyperspan.Kvm.Tests;

/// <summary>Runs the tests of this assembly without a test platform, all or those whose name contains a word; or a scenario that may take its process with it.</summary>
internal static class Program
{
    private static int Main(string[] args) => args is ["scenario", string name]
        ? ScenarioRegistry.Run(name)
        : OwnTestRun.Run(args);
}
