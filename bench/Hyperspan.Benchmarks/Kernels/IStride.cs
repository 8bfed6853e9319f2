namespace Hyperspan.Benchmarks.Kernels;

/// <summary>How far it is from one address to the next. Implemented by structs; where it is constant, it takes no register in the loop.</summary>
public interface IStride
{
    ulong Bytes { get; }
}
