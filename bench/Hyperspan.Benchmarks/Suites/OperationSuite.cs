using BenchmarkDotNet.Attributes;
using Hyperspan.Benchmarks.Kernels;

namespace Hyperspan.Benchmarks.Suites;

/// <summary>
/// The rows of the quick runner's table under BenchmarkDotNet: each operation beside its baseline, in a process of its own, with the bytes it allocates.
/// </summary>
[MemoryDiagnoser]
public class OperationSuite
{
    // Operations between two looks at the clock: whole runs of a kernel.
    private const int PerInvoke = 4096;

    private Kernel _ours = null!;
    private Kernel _raw = null!;
    private int _oursRuns;
    private int _rawRuns;

    public static IEnumerable<string> Names =>
        Operations.All.Where(static operation => operation.Outright is null && !operation.Name.StartsWith("fault_resolved", StringComparison.Ordinal))
            .Select(static operation => operation.Name);

    [ParamsSource(nameof(Names))]
    public string Operation { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        Operation operation = Operations.All.Single(candidate => candidate.Name == Operation);
        _ours = operation.Ours();
        _raw = operation.Floors[0].Make();
        _oursRuns = Math.Max(1, PerInvoke / _ours.Count);
        _rawRuns = Math.Max(1, PerInvoke / _raw.Count);
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _ours.Dispose();
        _raw.Dispose();
    }

    [Benchmark(OperationsPerInvoke = PerInvoke)]
    public ulong Ours() => Repeat(_ours, _oursRuns);

    [Benchmark(Baseline = true, OperationsPerInvoke = PerInvoke)]
    public ulong Raw() => Repeat(_raw, _rawRuns);

    private static ulong Repeat(Kernel kernel, int runs)
    {
        ulong sum = 0;
        for (int i = 0; i < runs; i++)
        {
            sum += kernel.Run();
        }

        return sum;
    }
}
