namespace Hyperspan.TestHost.Storms;

/// <summary>Threads that work until the storm is over or one of them fails. The first failure is kept and ends the storm.</summary>
internal sealed class StormCrew
{
    private readonly List<Thread> _threads = [];
    private readonly Collections _collections = new();
    private string? _failure;
    private volatile bool _over;
    private long _nulls;

    public bool IsOver => _over || Volatile.Read(ref _failure) is not null;

    public string? Failure => Volatile.Read(ref _failure);

    public long Collections => _collections.Count;

    public long Nulls => Volatile.Read(ref _nulls);

    public void Fail(string failure) => Interlocked.CompareExchange(ref _failure, failure, comparand: null);

    /// <summary>Starts a thread; whatever it throws fails the storm.</summary>
    public void Start(string name, Action body)
    {
        var thread = new Thread(() => Guarded(name, body)) { Name = name, IsBackground = true };
        _threads.Add(thread);
        thread.Start();
    }

    /// <summary>Starts a thread that does the same over and over until the storm ends.</summary>
    public void Repeat(string name, Action body) => Start(name, () =>
    {
        while (!IsOver)
        {
            body();
        }
    });

    /// <summary>Collects garbage without pause, and leaves some for the next time.</summary>
    public void StartCollector() => Repeat("collector", () =>
    {
        for (int i = 0; i < 100; i++)
        {
            GC.KeepAlive(new byte[100 * ((i % 7) + 1)]);
        }

        _collections.Collect();
    });

    /// <summary>Catches NullReferenceExceptions, which come from the signal the guard takes first, and ordinary exceptions.</summary>
    public void StartNullCatcher()
    {
        string? nothing = Environment.GetEnvironmentVariable("HYPERSPAN_THIS_IS_NOT_SET");
        Start("nulls", () =>
        {
            ProfilingTimer.BlockHere();
            while (!IsOver)
            {
                Catch(nothing);
            }
        });
    }

    /// <summary>Waits until the named work is done, ends the rest and returns the failure.</summary>
    public string? Finish()
    {
        _over = true;
        foreach (Thread thread in _threads)
        {
            thread.Join();
        }

        _threads.Clear();
        return Failure;
    }

    private void Catch(string? nothing)
    {
        try
        {
            _ = nothing!.Length;
            Fail("a null reference was not noticed");
        }
        catch (NullReferenceException)
        {
            Interlocked.Increment(ref _nulls);
        }

        try
        {
            throw new InvalidOperationException("on purpose");
        }
        catch (InvalidOperationException)
        {
            // As elsewhere in a program.
        }
    }

    private void Guarded(string name, Action body)
    {
        try
        {
            body();
        }
#pragma warning disable CA1031 // Whatever it is, it fails the storm.
        catch (Exception e)
#pragma warning restore CA1031
        {
            Fail($"{name}: {e}");
        }
    }
}
