using System.Runtime.CompilerServices;

namespace Hyperspan.Benchmarks.Kernels;

/// <summary>Does an operation at addresses that walk a window of 1 MiB; inlined into the loop, or called.</summary>
public sealed class WalkKernel<TOperation> : Kernel
    where TOperation : struct, IWalkOperation
{
    private readonly TOperation _operation;
    private readonly ulong _stride;
    private readonly bool _called;
    private ulong _at;

    public WalkKernel(TOperation operation, ulong stride = Window.Stride, int count = 1024, bool called = false)
    {
        _operation = operation;
        _stride = stride;
        _called = called;
        Count = count;
    }

    public override int Count { get; }

    public override ulong Run() => _called ? RunCalled() : RunInlined();

    private ulong RunInlined()
    {
        TOperation operation = _operation;
        ulong at = _at;
        ulong stride = _stride;
        ulong sum = 0;
        int count = Count;
        for (int i = 0; i < count; i++)
        {
            sum += operation.Access(at);
            at = Window.Next(at, stride);
        }

        _at = at;
        return sum;
    }

    private ulong RunCalled()
    {
        TOperation operation = _operation;
        ulong at = _at;
        ulong stride = _stride;
        ulong sum = 0;
        int count = Count;
        for (int i = 0; i < count; i++)
        {
            sum += Call(operation, at);
            at = Window.Next(at, stride);
        }

        _at = at;
        return sum;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong Call(TOperation operation, ulong at) => operation.Access(at);
}
