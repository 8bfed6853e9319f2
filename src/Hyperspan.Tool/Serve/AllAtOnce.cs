namespace Hyperspan.Tool.Serve;

/// <summary>Does the same with several things at the same time: the first on this thread, each other on one of its own.</summary>
internal static class AllAtOnce
{
    /// <summary>Does it, and waits for all.</summary>
    /// <param name="all">One at least.</param>
    /// <param name="action">What to do; answers whether it went well.</param>
    /// <returns>Whether all went well.</returns>
    internal static bool Run<T>(IReadOnlyList<T> all, Func<T, bool> action)
    {
        Task<bool>[] others =
        [
            .. all.Skip(1).Select(one => Task.Factory.StartNew(() => action(one), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)),
        ];
        bool isWell = action(all[0]);
        return Task.WhenAll(others).GetAwaiter().GetResult().All(static other => other) && isWell;
    }
}
