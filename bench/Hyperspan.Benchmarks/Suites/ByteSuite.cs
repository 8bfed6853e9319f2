using BenchmarkDotNet.Attributes;
using Hyperspan.Benchmarks.Kernels;

namespace Hyperspan.Benchmarks.Suites;

/// <summary>Bytes of every size on every layout, beside the copy of the runtime.</summary>
[MemoryDiagnoser]
public class ByteSuite
{
    private const int Count = 64;

    private Kernel _read = null!;
    private Kernel _write = null!;
    private Kernel _fill = null!;
    private Kernel _copy = null!;

    [Params("direct", "guarded", "bitmap")]
    public string Layout { get; set; } = "";

    [Params(8, 64, 256, 1024, 4096, 65536)]
    public int Size { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        Memories.Measured measured = Layout switch
        {
            "direct" => Memories.Direct,
            "guarded" => Memories.Guarded,
            _ => Memories.Bitmap,
        };
        byte[] buffer = Operations.Buffer(Size);
        _read = Kernel(new ReadBytes<Layouts.Direct>(measured.Memory, buffer));
        _write = Kernel(new WriteBytes<Layouts.Direct>(measured.Memory, buffer));
        _fill = Kernel(new Fill(measured.Memory, Size));
        _copy = Kernel(new RawReadBytes(measured.Raw, buffer));
    }

    [Benchmark(Baseline = true, OperationsPerInvoke = Count)]
    public ulong Copy() => _copy.Run();

    [Benchmark(OperationsPerInvoke = Count)]
    public ulong Read() => _read.Run();

    [Benchmark(OperationsPerInvoke = Count)]
    public ulong Write() => _write.Run();

    [Benchmark(OperationsPerInvoke = Count)]
    public ulong Fill() => _fill.Run();

    private WalkKernel<TOperation, Strides.Ranges> Kernel<TOperation>(TOperation operation)
        where TOperation : struct, IWalkOperation => new(operation, new Strides.Ranges(Size), Count);
}
