using System.Reflection;

using Xunit.Abstractions;
using Xunit.Sdk;

namespace Hyperspan.Kvm.Tests.Infrastructure;

/// <summary>Runs tests of this assembly by xunit's own framework: a line for each that is skipped or failed, and the sum.</summary>
internal sealed class OwnTestRun(string[] words) : LongLivedMarshalByRefObject, IMessageSink
{
    private readonly ManualResetEventSlim _ended = new();
    private readonly List<ITestCase> _cases = [];
    private int _passed;
    private int _failed;
    private int _skipped;

    internal static int Run(string[] words)
    {
        var run = new OwnTestRun(words);
        using var framework = new XunitTestFramework(run);
        var name = new AssemblyName(typeof(OwnTestRun).Assembly.FullName!);
        using ITestFrameworkDiscoverer discoverer = framework.GetDiscoverer(Reflector.Wrap(typeof(OwnTestRun).Assembly));
        discoverer.Find(includeSourceInformation: false, run, new Options());
        run._ended.Wait();
        run._ended.Reset();
        using ITestFrameworkExecutor executor = framework.GetExecutor(name);
        executor.RunTests(run._cases, run, new Options());
        run._ended.Wait();
        Console.WriteLine($"{run._passed} passed, {run._failed} failed, {run._skipped} skipped");
        return run._failed > 0 || run._passed + run._skipped == 0 ? 1 : 0;
    }

    public bool OnMessage(IMessageSinkMessage message)
    {
        switch (message)
        {
            case ITestCaseDiscoveryMessage found when words.Length == 0 || words.Any(word => found.TestCase.DisplayName.Contains(word, StringComparison.Ordinal)):
                _cases.Add(found.TestCase);
                break;
            case ITestPassed passed:
                _passed++;
                Console.WriteLine($"ok: {passed.Test.DisplayName} ({passed.ExecutionTime:f2} s)");
                break;
            case ITestSkipped skipped:
                _skipped++;
                Console.WriteLine($"skipped: {skipped.Test.DisplayName}: {skipped.Reason}");
                break;
            case ITestFailed failed:
                _failed++;
                Console.WriteLine($"FAILED: {failed.Test.DisplayName}: {string.Join('\n', failed.Messages)}\n{string.Join('\n', failed.StackTraces)}\n{failed.Output}");
                break;
            case IErrorMessage error:
                _failed++;
                Console.WriteLine($"FAILED: {string.Join('\n', error.Messages)}\n{string.Join('\n', error.StackTraces)}");
                break;
            case IDiscoveryCompleteMessage or ITestAssemblyFinished:
                _ended.Set();
                break;
        }

        return true;
    }

    private sealed class Options : ITestFrameworkDiscoveryOptions, ITestFrameworkExecutionOptions
    {
        private readonly Dictionary<string, object?> _values = new(StringComparer.Ordinal)
        {
            ["xunit.execution.DisableParallelization"] = true,
            ["xunit.execution.SynchronousMessageReporting"] = true,
            ["xunit.discovery.SynchronousMessageReporting"] = true,
        };

        public TValue GetValue<TValue>(string name) => _values.TryGetValue(name, out object? value) ? (TValue)value! : default!;

        public void SetValue<TValue>(string name, TValue value) => _values[name] = value;
    }
}
