using System.Reflection;
using System.Runtime.Loader;
using Hyperspan.TestRunner;
using Xunit.Abstractions;
using Xunit.Sdk;

// Runs the tests of assemblies in this process, where there is no dotnet test. What is not named by a word is left out; a word after "-" leaves out.
if (args.Length == 0)
{
    Console.Error.WriteLine("usage: Hyperspan.TestRunner ASSEMBLY.dll... [WORD | -WORD]...   (words of full names of tests, or of their traits)");
    return 2;
}

string[] assemblies = [.. args.Where(argument => argument.EndsWith(".dll", StringComparison.Ordinal))];
string[] words = [.. args.Except(assemblies, StringComparer.Ordinal)];
string[] wanted = [.. words.Where(word => !word.StartsWith('-'))];
string[] unwanted = [.. words.Where(word => word.StartsWith('-')).Select(word => word[1..])];

// They lie beside this program, which knows nothing of them.
AssemblyLoadContext.Default.Resolving += (context, name) =>
    Path.Combine(AppContext.BaseDirectory, name.Name + ".dll") is { } path && File.Exists(path) ? context.LoadFromAssemblyPath(path) : null;

var results = new ResultSink(verbose: Environment.GetEnvironmentVariable("HYPERSPAN_TESTS_VERBOSE") == "1");
foreach (string assembly in assemblies)
{
    var framework = new XunitTestFramework(results);
    AssemblyName name = AssemblyName.GetAssemblyName(Path.Combine(AppContext.BaseDirectory, assembly));
    using var found = new DiscoverySink();
    ITestFrameworkDiscoverer discoverer = framework.GetDiscoverer(Reflector.Wrap(Assembly.Load(name)));
    discoverer.Find(includeSourceInformation: false, found, new RunOptions());
    found.Finished.WaitOne();

    ITestCase[] chosen = [.. found.Cases.Where(IsChosen)];
    var options = new RunOptions();
    options.SetValue("xunit.execution.MaxParallelThreads", Environment.ProcessorCount);
    framework.GetExecutor(name).RunTests(chosen, results, options);
    results.WaitForAssembly();
}

return results.Report() ? 0 : 1;

bool IsChosen(ITestCase test)
{
    string described = test.DisplayName + " "
        + test.TestMethod.TestClass.Class.Name + "." + test.TestMethod.Method.Name + " "
        + string.Join(' ', test.Traits.SelectMany(trait => trait.Value.Select(value => $"{trait.Key}={value}")));
    return (wanted.Length == 0 || wanted.Any(word => described.Contains(word, StringComparison.Ordinal)))
        && !unwanted.Any(word => described.Contains(word, StringComparison.Ordinal));
}
