namespace Hyperspan.Tests;

/// <summary>Others' logs that a dirty log asks too.</summary>
public sealed class DirtySourceTests
{
    private const ulong Page = GuestAddress.PageSize;

    [Fact]
    public void What_a_source_reports_is_collected_by_each_log_of_the_backing()
    {
        var backing = new HeapBacking(16 * Page);
        using var memory = new GuestMemoryBuilder("ram").AddRegion(0x10_0000, backing, backingOffset: 4 * Page, length: 8 * Page).Build();
        using var log = new DirtyLog(memory);
        using var other = new DirtyLog(memory);
        var source = new Source(backing);
        log.AddSource(source);
        log.Start();
        other.Start();
        source.Starts.ShouldBe(1);
        Should.Throw<InvalidOperationException>(() => log.AddSource(source));
        source.Written = [(5, 2), (15, 1), (0, 1)];
        memory.Write(0x10_0000, 1);
        log.Collect().ShouldBe([new GuestRange(0x10_0000, 3 * Page)]);
        other.Collect().ShouldBe([new GuestRange(0x10_0000, 3 * Page)]);
        log.Collect().ShouldBeEmpty();
        log.Stop();
        source.Starts.ShouldBe(0);
        log.Stop();
        source.Starts.ShouldBe(0);
        Should.Throw<ArgumentOutOfRangeException>(() => backing.ReportWritten(15 * Page, Page + 1));
        Should.Throw<ArgumentOutOfRangeException>(() => backing.ReportWritten(ulong.MaxValue, 2));
    }

    [Fact]
    public void No_write_is_lost_to_a_source_that_fails()
    {
        var backing = new HeapBacking(16 * Page);
        using var memory = new GuestMemory(backing, "ram");
        using var log = new DirtyLog(memory);
        var first = new Source(backing);
        var second = new Source(backing);
        log.AddSource(first);
        log.AddSource(second);

        second.Fails = true;
        Should.Throw<IOException>(log.Start);
        first.Starts.ShouldBe(0);
        log.IsStarted.ShouldBeFalse();
        memory.Write(0, 1);

        second.Fails = false;
        log.Start();
        first.Written = [(3, 1)];
        memory.Write(8 * Page, 1);
        second.Fails = true;
        Should.Throw<IOException>(log.Collect);
        second.Fails = false;
        second.Written = [(5, 1)];
        log.Collect().ShouldBe([new GuestRange(3 * Page, Page), new GuestRange(5 * Page, Page), new GuestRange(8 * Page, Page)]);

        first.Fails = true;
        Should.Throw<IOException>(log.Stop);
        (first.Starts, second.Starts, log.IsStarted).ShouldBe((1, 0, false));
        first.Fails = false;
    }

    [Fact]
    public void A_source_that_was_taken_away_is_not_started_again()
    {
        var backing = new HeapBacking(16 * Page);
        using var memory = new GuestMemory(backing, "ram");
        using var log = new DirtyLog(memory);
        var gone = new Source(backing);
        var kept = new Source(backing);
        log.AddSource(gone);
        log.AddSource(kept);
        log.Start();
        Should.Throw<InvalidOperationException>(() => log.RemoveSource(gone));
        log.Stop();
        log.RemoveSource(gone).ShouldBeTrue();
        log.RemoveSource(gone).ShouldBeFalse();
        gone.Fails = true;
        log.Start();
        (gone.Starts, kept.Starts).ShouldBe((0, 1));
        gone.Written = [(1, 1)];
        kept.Written = [(2, 1)];
        log.Collect().ShouldBe([new GuestRange(2 * Page, Page)]);
    }

    /// <summary>Reports what it is told to, once.</summary>
    private sealed class Source(GuestMemoryBacking backing) : IDirtySource
    {
        internal int Starts { get; private set; }

        internal bool Fails { get; set; }

        internal (ulong Page, ulong Count)[] Written { get; set; } = [];

        public void BeginLogging()
        {
            ThrowIfItFails();
            Starts++;
        }

        public void ReportWrites()
        {
            ThrowIfItFails();
            foreach ((ulong page, ulong count) in Written)
            {
                backing.ReportWritten(page * Page, count * Page);
            }

            Written = [];
        }

        public void EndLogging()
        {
            ThrowIfItFails();
            Starts--;
        }

        private void ThrowIfItFails()
        {
            if (Fails)
            {
                throw new IOException("told to fail");
            }
        }
    }
}
