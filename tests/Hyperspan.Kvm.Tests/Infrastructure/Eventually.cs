using System.Diagnostics;

namespace Hyperspan.Kvm.Tests.Infrastructure;

/// <summary>Waits for what another thread or the guest is to bring about.</summary>
internal static class Eventually
{
    internal static void True(Func<bool> condition, string what)
    {
        var watch = Stopwatch.StartNew();
        while (!condition())
        {
            (watch.Elapsed < TimeSpan.FromMinutes(2)).ShouldBeTrue(what);
            Thread.Sleep(1);
        }
    }
}
