using System.Runtime.CompilerServices;

namespace Hyperspan.Benchmarks.Kernels;

/// <summary>Does an operation at addresses that walk a window of 1 MiB; inlined into the loop, or called.</summary>
/// <remarks>
/// As little as possible lives across the operation: registers that the loop takes from it would be counted as its cost. A loop variable in memory alone takes longer
/// than a raw read. Five hundred iterations stay below what would have the runtime replace the loop while it runs.
/// </remarks>
public sealed class WalkKernel<TOperation, TStride> : Kernel
    where TOperation : struct, IWalkOperation
    where TStride : struct, IStride
{
    private readonly TOperation _operation;
    private readonly TStride _stride;
    private readonly bool _called;
    private ulong _at;

    public WalkKernel(TOperation operation, TStride stride, int count = 512, bool called = false)
    {
        _operation = operation;
        _stride = stride;
        _called = called;
        Count = count;
    }

    public override int Count { get; }

    public override ulong Run()
    {
        ulong at = _at;
        ulong sum = _called ? RunCalled(_operation, _stride, ref at, Count) : RunInlined(_operation, _stride, ref at, Count);
        _at = at;
        return sum;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong RunInlined(TOperation operation, TStride stride, ref ulong start, int count)
    {
        ulong at = start;
        ulong sum = 0;
        for (; count > 0; count--)
        {
            sum += operation.Access(at);
            at = Window.Next(at, stride.Bytes);
        }

        start = at;
        return sum;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong RunCalled(TOperation operation, TStride stride, ref ulong start, int count)
    {
        ulong at = start;
        ulong sum = 0;
        for (; count > 0; count--)
        {
            sum += Call(operation, at);
            at = Window.Next(at, stride.Bytes);
        }

        start = at;
        return sum;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong Call(TOperation operation, ulong at) => operation.Access(at);
}
