using Xunit;
using Xunit.Abstractions;

namespace Hyperspan.TestRunner;

/// <summary>Collects the tests of an assembly.</summary>
internal sealed class DiscoverySink : LongLivedMarshalByRefObject, IMessageSink, IDisposable
{
    internal ManualResetEvent Finished { get; } = new(initialState: false);

    internal List<ITestCase> Cases { get; } = [];

    public bool OnMessage(IMessageSinkMessage message)
    {
        if (message is ITestCaseDiscoveryMessage found)
        {
            Cases.Add(found.TestCase);
        }
        else if (message is IDiscoveryCompleteMessage)
        {
            Finished.Set();
        }

        return true;
    }

    public void Dispose() => Finished.Dispose();
}
