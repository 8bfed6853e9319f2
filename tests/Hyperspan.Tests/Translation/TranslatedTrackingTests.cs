using Hyperspan.Streaming;
using Hyperspan.Tests.Tracking;
using Hyperspan.Translation;

namespace Hyperspan.Tests.Translation;

/// <summary>Writes through I/O virtual addresses are in the logs of the memory below, by its own addresses.</summary>
public sealed class TranslatedTrackingTests : IDisposable
{
    private const ulong Page = PageMap.Page;
    private const ulong Spread = 5;
    private const ulong Pages = 16;

    private readonly GuestMemory _ram = GuestMemory.Allocate(Pages * Page);
    private readonly PageMap _map = new();
    private readonly TranslatedMemory _translated;
    private readonly DirtyLog _log;

    public TranslatedTrackingTests()
    {
        MapAll();
        _translated = new TranslatedMemory(_ram, _map);
        _log = new DirtyLog(_ram);
    }

    public static TheoryData<string> Operations => [.. WriteOperations.All.Keys];

    public void Dispose()
    {
        _log.Dispose();
        _ram.Dispose();
    }

    [Theory]
    [MemberData(nameof(Operations))]
    public void Every_write_is_logged_where_it_arrives(string operation)
    {
        // Remembered as writable before somebody wants to know, and again later.
        for (int round = 0; round < 3; round++)
        {
            _translated.Memory.Clear(0, Pages * Page);
            _log.Start();
            WriteOperations.All[operation].Write(_translated.Memory);
            Collect().ShouldBe(Below(WriteOperations.PagesOf(operation, 0)));
            WriteOperations.All[operation].Write(_translated.Memory);
            Collect().ShouldBe(Below(WriteOperations.PagesOf(operation, 0)));
            _log.Stop();
            WriteOperations.All[operation].Write(_translated.Memory);
        }
    }

    [Fact]
    public void Reads_are_not()
    {
        _log.Start();
        _translated.Memory.Read<ulong>(0);
        _translated.Memory.Read(100, 9000);
        _translated.Memory.Pin(0, Page, AccessType.Read).Dispose();
        Collect().ShouldBeEmpty();
    }

    [Theory]
    [InlineData("range")]
    [InlineData("pages")]
    [InlineData("vectors")]
    [InlineData("paged vectors")]
    [InlineData("slice")]
    public void What_is_pinned_for_writing_is_logged_where_it_was_pinned_though_the_translation_is_gone(string kind)
    {
        _log.Start();
        GuestMemory memory = _translated.Memory;
        IDisposable pin;
        switch (kind)
        {
            case "range":
                pin = memory.Pin(Page + 5, Page, AccessType.Write);
                break;
            case "pages":
                pin = memory.PinPages([1, 2], AccessType.Write);
                break;
            case "slice":
                pin = memory.Slice(Page, 4 * Page).Pin(9, Page, AccessType.Write);
                break;
            default:
                var vectors = new GuestIoVectors(AccessType.Write);
                if (kind == "vectors")
                {
                    vectors.Add(memory, Page + 5, Page);
                }
                else
                {
                    vectors.Add(memory, new PagedRange([2, 1], 100, 5000));
                }

                vectors.Length.ShouldBe(kind == "vectors" ? Page : 5000);
                pin = vectors;
                break;
        }

        Collect().ShouldBe(Below([1, 2]));
        _map.Unmap(1);
        _map.Map(2, 0);
        var invalidation = new Thread(() => _translated.InvalidateAll());
        invalidation.Start();
        Collect().ShouldBe(Below([1, 2]));
        invalidation.Join(10).ShouldBeFalse();
        pin.Dispose();
        Collect().ShouldBe(Below([1, 2]));
        Collect().ShouldBeEmpty();
        invalidation.Join(TimeSpan.FromMinutes(1)).ShouldBeTrue();
    }

    [Fact]
    public void No_write_is_lost_while_logs_start_and_stop_and_pages_move()
    {
        // A counter that a writer raises through its address; each period, what the log names is copied. The copy must be up to date whenever nothing moves.
        using var stop = new CancellationTokenSource();
        using var mapped = new ManualResetEventSlim(initialState: true);
        _map.Missed = (_, _) =>
        {
            mapped.Wait();
            return true;
        };
        Exception? failure = null;
        Thread[] writers = [.. Enumerable.Range(0, 2).Select(index => new Thread(() =>
        {
            try
            {
                ulong count = 0;
                while (!stop.IsCancellationRequested)
                {
                    count++;
                    _translated.Memory.Write(((ulong)index * 3 * Page) + (count % 512 * 8), count);
                    _translated.Memory.Write(((ulong)index * 3 * Page) + Page, BitConverter.GetBytes(count));
                    _translated.Memory.Exchange(((ulong)index * 3 * Page) + (2 * Page), count);
                }
            }
            catch (Exception e)
            {
                failure = e;
            }
        }))];
        Array.ForEach(writers, writer => writer.Start());
        try
        {
            for (int round = 0; round < 60; round++)
            {
                _log.Start();
                using GuestMemory copy = GuestMemory.Allocate(Pages * Page);
                _ram.CopyTo(0, copy, 0, Pages * Page);
                for (int period = 0; period < 5; period++)
                {
                    if (period == 2)
                    {
                        _translated.InvalidateAll();
                    }

                    Copy(copy);
                }

                // Nobody writes: pages are away while this is done.
                mapped.Reset();
                for (ulong page = 0; page < Pages; page++)
                {
                    _map.Unmap(page);
                }

                _translated.InvalidateAll();
                Copy(copy);
                copy.Read(0, (int)(Pages * Page)).ShouldBe(_ram.Read(0, (int)(Pages * Page)));
                MapAll();
                mapped.Set();
                _log.Stop();
            }
        }
        finally
        {
            stop.Cancel();
            MapAll();
            mapped.Set();
            Array.ForEach(writers, writer => writer.Join());
        }

        failure.ShouldBeNull();

        void Copy(GuestMemory copy)
        {
            foreach (ulong page in Collect())
            {
                _ram.CopyTo(page * Page, copy, page * Page, Page);
            }
        }
    }

    private void MapAll()
    {
        for (ulong page = 0; page < Pages; page++)
        {
            _map.Map(page, page * Spread % Pages);
        }
    }

    private static ulong[] Below(ulong[] pages) => [.. pages.Select(page => page * Spread % Pages).Order()];

    private ulong[] Collect() => [.. _log.Collect().SelectMany(range => Enumerable.Range(0, (int)(range.Length / Page)).Select(i => (range.Start.Value / Page) + (ulong)i))];
}
