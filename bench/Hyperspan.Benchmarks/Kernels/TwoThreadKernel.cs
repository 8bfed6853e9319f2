namespace Hyperspan.Benchmarks.Kernels;

/// <summary>
/// Runs one kernel on this thread while another runs on a second thread, and is done when both are. Counts the operations of one: as long as
/// threads cost one another nothing, that is the time of one alone. With a single kernel it is the baseline of that.
/// </summary>
public sealed class TwoThreadKernel : Kernel
{
    private const int Runs = 64;

    private readonly Kernel _mine;
    private readonly Kernel? _other;
    private readonly Thread? _thread;
    private int _asked;
    private int _done;
    private bool _stop;

    public TwoThreadKernel(Kernel mine, Kernel? other)
    {
        _mine = mine;
        _other = other;
        if (other is not null)
        {
            _thread = new Thread(Serve) { IsBackground = true };
            _thread.Start();
        }
    }

    public override int Count => _mine.Count * Runs;

    public override ulong Run()
    {
        int asked = 0;
        if (_other is not null)
        {
            asked = _asked + 1;
            Volatile.Write(ref _asked, asked);
        }

        ulong sum = Repeat(_mine);
        while (Volatile.Read(ref _done) != asked)
        {
            Thread.SpinWait(1);
        }

        return sum;
    }

    public override void Dispose()
    {
        Volatile.Write(ref _stop, true);
        _thread?.Join();
        base.Dispose();
    }

    private static ulong Repeat(Kernel kernel)
    {
        ulong sum = 0;
        for (int i = 0; i < Runs; i++)
        {
            sum += kernel.Run();
        }

        return sum;
    }

    private void Serve()
    {
        ulong sum = 0;
        int done = 0;
        while (!Volatile.Read(ref _stop))
        {
            if (Volatile.Read(ref _asked) != done)
            {
                sum += Repeat(_other!);
                Volatile.Write(ref _done, ++done);
            }

            Thread.SpinWait(1);
        }

        GC.KeepAlive(sum);
    }
}
