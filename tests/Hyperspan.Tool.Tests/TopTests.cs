using Hyperspan.Tool.Top;

using Spectre.Console;

namespace Hyperspan.Tool.Tests;

/// <summary>What <c>hyperspan top</c> makes of two looks at the figures of a process.</summary>
public class TopTests
{
    [Fact]
    public void Figures_are_read_with_labels_of_any_text()
    {
        MetricsText text = MetricsText.Parse("# HELP a b\na{x=\"1\",y=\"a\\\"b\\\\c\\nd,}\"} 2.5\na{x=\"2\"} 1\nb 7\nnonsense\nc{x=\"unfinished\n{} 1\n");
        text.Sum("a").ShouldBe(3.5);
        text.Sum("a", ("x", "1")).ShouldBe(2.5);
        text.Of("a").First()["y"].ShouldBe("a\"b\\c\nd,}");
        text.Sum("b").ShouldBe(7);
        text.Sum("c").ShouldBe(0);
        text.Of("nonsense").ShouldBeEmpty();
    }

    [Fact]
    public void Rates_and_times_are_those_between_the_two_looks()
    {
        TopSample sample = new(Look(100, 50, 409600), Look(300, 150, 1228800), TimeSpan.FromSeconds(2));
        TopOperation read = sample.Operations.ShouldHaveSingleItem();
        read.Disk.ShouldBe("vda");
        read.Operation.ShouldBe("read");
        read.Requests.ShouldBe(100);
        read.Bytes.ShouldBe(409600);

        // Of 200, 100 took up to 1 ms and 100 from there to 2 ms.
        read.Median.ShouldBe(1e-3, 1e-9);
        read.Slowest.ShouldBe(1.98e-3, 1e-9);
        read.Failed.ShouldBe(0);
        sample.InFlight.ShouldBe(3);

        // A process that was started anew counts from zero again.
        new TopSample(Look(300, 150, 1), Look(10, 5, 1), TimeSpan.FromSeconds(2)).Operations[0].Requests.ShouldBe(0);
    }

    [Fact]
    public void Quantiles_of_few_or_slow_values()
    {
        Histogram.Quantile([], 0.5).ShouldBe(double.NaN);
        Histogram.Quantile([(1, 0), (double.PositiveInfinity, 0)], 0.5).ShouldBe(double.NaN);
        Histogram.Quantile([(1, 0), (double.PositiveInfinity, 4)], 0.5).ShouldBe(1);
        Histogram.Quantile([(1, 1), (double.PositiveInfinity, 1)], 0.99).ShouldBe(0.99, 1e-9);
    }

    [Fact]
    public void More_figures_than_a_process_has_are_refused()
    {
        IEnumerable<string> lines = Enumerable.Range(0, MetricsText.MostSeries).Select(i => $"a{{x=\"{i}\"}} 1\n");
        MetricsText.Parse(string.Concat(lines)).Sum("a").ShouldBe(MetricsText.MostSeries);
        Should.Throw<InvalidDataException>(() => MetricsText.Parse(string.Concat(lines.Append("b 1\n")))).Message.ShouldContain("more than 65536 figures");
    }

    [Fact]
    public void As_many_disks_and_sockets_as_there_may_be_are_shown_at_once_and_no_more_rows_than_a_table_holds()
    {
        const int Count = MetricsText.MostSeries / 4;
        var text = new System.Text.StringBuilder();
        for (int i = 0; i < Count; i++)
        {
            text.Append($"hyperspan_block_request_duration_seconds_count{{disk=\"{i}\",operation=\"read\"}} {i}\n")
                .Append($"hyperspan_block_request_duration_seconds_bucket{{disk=\"{i}\",operation=\"read\",le=\"+Inf\"}} {i}\n")
                .Append($"hyperspan_vhost_user_front_ends{{socket=\"{i}\"}} 1\n")
                .Append($"hyperspan_vhost_user_errors_total{{socket=\"{i}\",error_type=\"x\"}} {i}\n");
        }

        MetricsText look = MetricsText.Parse(text.ToString());
        var sample = new TopSample(look, look, TimeSpan.FromSeconds(1));
        var clock = System.Diagnostics.Stopwatch.StartNew();
        sample.Operations.Count.ShouldBe(Count);
        sample.Sockets.Sum(socket => socket.Errors).ShouldBe((Count - 1.0) * Count / 2);

        // Each was looked for among all the others: 16,384 of each took minutes, in which Ctrl-C did nothing.
        clock.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(20));

        using var writer = new StringWriter();
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Out = new AnsiConsoleOutput(writer) });
        console.Write(TopScreen.Render("here", sample));
        string[] lines = writer.ToString().Split('\n');
        lines.Count(line => line.Contains("connected", StringComparison.Ordinal)).ShouldBe(TopScreen.MostRows);
        lines.Count(line => line.Contains(" read ", StringComparison.Ordinal)).ShouldBe(TopScreen.MostRows);
        lines.Count(line => line.Contains($"and {Count - TopScreen.MostRows:N0} more", StringComparison.Ordinal)).ShouldBe(2);
    }

    [Fact]
    public void What_is_no_figure_of_ours_is_passed_over()
    {
        MetricsText look = MetricsText.Parse("""
            hyperspan_block_request_duration_seconds_count{disk="d",operation="read"} 4
            hyperspan_block_request_duration_seconds_bucket{disk="d",operation="read",le="soon"} 4
            hyperspan_block_request_duration_seconds_bucket{disk="d",operation="read",le="NaN"} 4
            hyperspan_block_request_duration_seconds_bucket{disk="d",operation="read"} 4
            hyperspan_block_io_bytes_total{disk="d",operation="read"} NaN
            hyperspan_block_requests_in_flight{disk="d"} -Inf
            """);
        var sample = new TopSample(look, look, TimeSpan.FromSeconds(1));
        TopOperation read = sample.Operations.ShouldHaveSingleItem();
        (read.Requests, read.Bytes, read.Median).ShouldBe((0, 0, double.NaN));
        sample.InFlight.ShouldBe(0);
    }

    private static MetricsText Look(int all, int fast, long bytes) => MetricsText.Parse($$"""
        hyperspan_block_request_duration_seconds_bucket{disk="vda",operation="read",le="0.001"} {{fast}}
        hyperspan_block_request_duration_seconds_bucket{disk="vda",operation="read",le="0.002"} {{all}}
        hyperspan_block_request_duration_seconds_bucket{disk="vda",operation="read",le="+Inf"} {{all}}
        hyperspan_block_request_duration_seconds_count{disk="vda",operation="read"} {{all}}
        hyperspan_block_io_bytes_total{disk="vda",operation="read"} {{bytes}}
        hyperspan_block_requests_in_flight{disk="vda"} 3
        """);
}
