namespace Hyperspan.Tests.Synchronization;

/// <summary>What a test expects of a writer that synchronizes on another thread.</summary>
internal static class WriterTask
{
    /// <summary>Finishes in time for any machine; passes its exception on.</summary>
    internal static void ShouldFinish(this Task writer) => writer.WaitAsync(RcuWorker.Patience).GetAwaiter().GetResult();

    /// <summary>Waits long enough for a wrong implementation to finish; a right one cannot.</summary>
    internal static void ShouldNotFinish(this Task writer) => writer.Wait(30).ShouldBeFalse();
}
