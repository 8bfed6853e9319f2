using Hyperspan.Tool.Top;

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

    private static MetricsText Look(int all, int fast, long bytes) => MetricsText.Parse($$"""
        hyperspan_block_request_duration_seconds_bucket{disk="vda",operation="read",le="0.001"} {{fast}}
        hyperspan_block_request_duration_seconds_bucket{disk="vda",operation="read",le="0.002"} {{all}}
        hyperspan_block_request_duration_seconds_bucket{disk="vda",operation="read",le="+Inf"} {{all}}
        hyperspan_block_request_duration_seconds_count{disk="vda",operation="read"} {{all}}
        hyperspan_block_io_bytes_total{disk="vda",operation="read"} {{bytes}}
        hyperspan_block_requests_in_flight{disk="vda"} 3
        """);
}
