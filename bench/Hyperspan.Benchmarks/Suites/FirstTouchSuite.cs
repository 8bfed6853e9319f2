using BenchmarkDotNet.Attributes;
using Hyperspan.Benchmarks.Kernels;

namespace Hyperspan.Benchmarks.Suites;

/// <summary>Pages that appear on first touch. Each iteration is one pass over 256 pages that were taken away before it; the result is a page.</summary>
[MemoryDiagnoser]
[InvocationCount(1)]
public class FirstTouchSuite
{
    private const int Pages = 256;

    private FirstTouchKernel _ours = null!;
    private RawFirstTouchKernel _raw = null!;

    [Params(4096, 65536)]
    public int Block { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _ours = new FirstTouchKernel((ulong)Block);
        _raw = new RawFirstTouchKernel();
    }

    [IterationSetup]
    public void TakeAway()
    {
        _ours.Prepare();
        _raw.Prepare();
    }

    [Benchmark(OperationsPerInvoke = Pages)]
    public ulong Ours() => _ours.Run();

    [Benchmark(Baseline = true, OperationsPerInvoke = Pages)]
    public ulong Raw() => _raw.Run();
}
