namespace Hyperspan.Benchmarks.Kernels;

/// <summary>Sixteen threads that do the same on fewer processors. Counts the operations of all.</summary>
internal sealed class CrowdKernel : Kernel
{
    private const int Threads = 16;
    private const int Runs = 16;

    private readonly Kernel[] _kernels = new Kernel[Threads];
    private readonly Barrier _barrier = new(Threads + 1);
    private volatile bool _stop;
    private ulong _sum;

    internal CrowdKernel(Func<Kernel> make)
    {
        for (int i = 0; i < Threads; i++)
        {
            Kernel kernel = _kernels[i] = make();
            new Thread(() => Serve(kernel)) { IsBackground = true }.Start();
        }
    }

    public override int Count => _kernels[0].Count * Runs * Threads;

    public override ulong Run()
    {
        _barrier.SignalAndWait();
        _barrier.SignalAndWait();
        return Volatile.Read(ref _sum);
    }

    public override void Dispose()
    {
        _stop = true;
        _barrier.SignalAndWait();
        base.Dispose();
    }

    private void Serve(Kernel kernel)
    {
        while (true)
        {
            _barrier.SignalAndWait();
            if (_stop)
            {
                return;
            }

            ulong sum = 0;
            for (int i = 0; i < Runs; i++)
            {
                sum += kernel.Run();
            }

            Interlocked.Add(ref _sum, sum);
            _barrier.SignalAndWait();
        }
    }
}
