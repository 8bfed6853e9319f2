using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace Hyperspan.Virtio;

/// <summary>
/// Threads that wait for a disk, so that nobody else has to: made when there is work for one more, up to a limit, and gone when there has been none for a while. One image's are
/// its own: a disk that does not answer keeps no other's.
/// </summary>
internal sealed class DiskWorkers(string name, int most)
{
    private static readonly TimeSpan IdleTime = TimeSpan.FromSeconds(10);

    private readonly object _gate = new();
    private readonly Queue<DiskJob> _jobs = new(64);
    private int _threads;
    private int _idle;

    /// <summary>Has a job run by one of them, in the order in which jobs come.</summary>
    /// <exception cref="OutOfMemoryException">There is no thread yet, and none can be made.</exception>
    internal void Run(DiskJob job)
    {
        bool isNew;
        lock (_gate)
        {
            _jobs.Enqueue(job);
            isNew = _idle < _jobs.Count && _threads < most;
            if (isNew)
            {
                _threads++;
            }
            else
            {
                Monitor.Pulse(_gate);
            }
        }

        if (isNew)
        {
            Start();
        }
    }

    private void Start()
    {
        try
        {
            new Thread(Serve) { IsBackground = true, Name = name }.Start();
        }
        catch
        {
            lock (_gate)
            {
                _threads--;
                if (_threads != 0)
                {
                    // The others do it, in time.
                    Monitor.Pulse(_gate);
                    return;
                }
            }

            throw;
        }
    }

    [SuppressMessage("Design", "CA1031", Justification = "A job reports its own failures; one that cannot must not end the process.")]
    private void Serve()
    {
        HyperspanEnvironment.PrepareThread();
        while (TryNext(out DiskJob? job))
        {
            try
            {
                job.Run();
            }
            catch (Exception e)
            {
                Trace.TraceError(e.ToString());
            }
        }
    }

    private bool TryNext([NotNullWhen(true)] out DiskJob? job)
    {
        lock (_gate)
        {
            while (!_jobs.TryDequeue(out job))
            {
                _idle++;
                bool isPulsed = Monitor.Wait(_gate, IdleTime);
                _idle--;
                if (!isPulsed && _jobs.Count == 0)
                {
                    _threads--;
                    return false;
                }
            }

            return true;
        }
    }
}
