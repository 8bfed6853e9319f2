using BenchmarkDotNet.Attributes;
using Hyperspan.Benchmarks.Kernels;

namespace Hyperspan.Benchmarks.Suites;

/// <summary>Scalars of every kind on every layout, inlined into the loop and through a call.</summary>
[MemoryDiagnoser]
public class ScalarSuite
{
    private const int Count = 512;

    private Kernel _read = null!;
    private Kernel _write = null!;
    private Kernel _exchange = null!;

    [Params("direct", "guarded", "bitmap", "guarded_bitmap", "regions_8", "regions_256")]
    public string Layout { get; set; } = "";

    [Params(false, true)]
    public bool Called { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        GuestMemory memory = Layout switch
        {
            "direct" => Memories.Direct.Memory,
            "guarded" => Memories.Guarded.Memory,
            "bitmap" => Memories.Bitmap.Memory,
            "guarded_bitmap" => Memories.GuardedBitmap.Memory,
            "regions_8" => Memories.Regions(8).Memory,
            _ => Memories.Regions(256).Memory,
        };
        _read = Kernel(new Read<Layouts.Direct>(memory));
        _write = Kernel(new Write<Layouts.Direct>(memory));
        _exchange = Kernel(new CompareExchange<Layouts.Direct>(memory));
    }

    [Benchmark(OperationsPerInvoke = Count)]
    public ulong Read() => _read.Run();

    [Benchmark(OperationsPerInvoke = Count)]
    public ulong Write() => _write.Run();

    [Benchmark(OperationsPerInvoke = Count)]
    public ulong CompareExchange() => _exchange.Run();

    private WalkKernel<TOperation, Strides.Scalars> Kernel<TOperation>(TOperation operation)
        where TOperation : struct, IWalkOperation => new(operation, default, Count, Called);
}
