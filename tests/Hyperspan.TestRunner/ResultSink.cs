using Xunit;
using Xunit.Abstractions;

namespace Hyperspan.TestRunner;

/// <summary>Prints what failed as it fails, and at the end what was skipped and why.</summary>
/// <param name="verbose">Whether each test is named when it starts, for one that ends the process.</param>
internal sealed class ResultSink(bool verbose) : LongLivedMarshalByRefObject, IMessageSink
{
    private readonly AutoResetEvent _assemblyFinished = new(initialState: false);
    private readonly SortedDictionary<string, int> _reasons = new(StringComparer.Ordinal);
    private readonly List<string> _failed = [];
    private readonly Lock _gate = new();
    private int _passed;

    public bool OnMessage(IMessageSinkMessage message)
    {
        lock (_gate)
        {
            switch (message)
            {
                case ITestStarting starting when verbose:
                    Console.WriteLine($"starts {starting.Test.DisplayName}");
                    break;
                case ITestPassed:
                    _passed++;
                    break;
                case ITestSkipped skipped:
                    _reasons[skipped.Reason] = _reasons.GetValueOrDefault(skipped.Reason) + 1;
                    break;
                case ITestFailed failed:
                    Fail(failed.Test.DisplayName, failed);
                    break;
                case IErrorMessage error:
                    Fail("outside of tests", error);
                    break;
                case ITestAssemblyCleanupFailure or ITestCollectionCleanupFailure or ITestClassCleanupFailure or ITestCaseCleanupFailure
                    or ITestMethodCleanupFailure or ITestCleanupFailure:
                    Fail("cleaning up", (IFailureInformation)message);
                    break;
                case ITestAssemblyFinished:
                    _assemblyFinished.Set();
                    break;
            }
        }

        return true;
    }

    internal void WaitForAssembly() => _assemblyFinished.WaitOne();

    /// <summary>Says how it ended. A run without a test has failed.</summary>
    internal bool Report()
    {
        foreach ((string reason, int count) in _reasons)
        {
            Console.WriteLine($"skipped {count}: {reason}");
        }

        foreach (string name in _failed)
        {
            Console.WriteLine($"failed: {name}");
        }

        Console.WriteLine($"Failed: {_failed.Count}, Passed: {_passed}, Skipped: {_reasons.Values.Sum()}");
        return _failed.Count == 0 && _passed > 0;
    }

    private void Fail(string name, IFailureInformation failure)
    {
        _failed.Add(name);
        Console.WriteLine($"FAILED {name}");
        for (int i = 0; i < failure.Messages.Length; i++)
        {
            Console.WriteLine($"{failure.ExceptionTypes[i]}: {failure.Messages[i]}\n{failure.StackTraces[i]}");
        }
    }
}
