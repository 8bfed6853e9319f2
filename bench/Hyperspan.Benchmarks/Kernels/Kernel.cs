namespace Hyperspan.Benchmarks.Kernels;

/// <summary>One operation, done many times by each call: what both the quick runner and the suites of BenchmarkDotNet measure.</summary>
/// <remarks>
/// <see cref="Run"/> is a short loop that is called often: it reaches fully optimized code by being called, where a long loop that is called
/// once would stay in the code that replaced it on the stack.
/// </remarks>
public abstract class Kernel : IDisposable
{
    /// <summary>Gets the number of operations that one call of <see cref="Run"/> does.</summary>
    public abstract int Count { get; }

    /// <summary>Gets a value indicating whether <see cref="Prepare"/> must come before each <see cref="Run"/>.</summary>
    public virtual bool NeedsPreparation => false;

    /// <summary>Undoes what the last run did. Not measured.</summary>
    public virtual void Prepare()
    {
    }

    /// <summary>Does the operations. The answer depends on the result of each of them, so that none can be left out.</summary>
    public abstract ulong Run();

    /// <summary>Ends threads, where a kernel has some. The memories belong to the process.</summary>
    public virtual void Dispose() => GC.SuppressFinalize(this);
}
