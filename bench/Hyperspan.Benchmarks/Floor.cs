using Hyperspan.Benchmarks.Kernels;

namespace Hyperspan.Benchmarks;

/// <summary>A way to do the work of an operation without any safety.</summary>
/// <param name="Name">The name, as in the JSON.</param>
/// <param name="Make">Makes its kernel.</param>
public sealed record Floor(string Name, Func<Kernel> Make);
