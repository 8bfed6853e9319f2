using System.Globalization;

using Hyperspan.Tests.Infrastructure;
using Hyperspan.Tests.Resilience;

namespace Hyperspan.Tests.Snapshots;

/// <summary>All that can be done with snapshots and dumps that contradict themselves, in a process of its own. With HYPERSPAN_LONG=1 many more, other ones each time.</summary>
public sealed class HostileFilesTests : IDisposable
{
    private readonly SnapshotBed _bed = new();

    public void Dispose() => _bed.Dispose();

    [SkippableFact]
    public void Are_refused_or_what_is_made_of_them_is_good()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "needs Linux: elsewhere memory that a file only speaks of is written");
        int seed = LongRun.IsOn ? Environment.TickCount & 0xff_ffff : 1;
        ChildResult result = ChildProcess.Run(
            "hostile-files", [_bed.PathOf(""), seed.ToString(CultureInfo.InvariantCulture), LongRun.Argument(150, 10_000)], environment: null, LongRun.Timeout);
        result.ShouldSucceed();
        result.Output.ShouldContain(" refused, ");
    }
}
