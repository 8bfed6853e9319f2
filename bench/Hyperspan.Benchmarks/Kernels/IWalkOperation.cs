namespace Hyperspan.Benchmarks.Kernels;

/// <summary>An operation at an address. Implemented by structs, so that it is compiled into the loop that does it.</summary>
public interface IWalkOperation
{
    /// <summary>Does it once; the answer depends on what was accessed.</summary>
    ulong Access(ulong address);
}
