using System.Globalization;

using Hyperspan.Interop.Linux;
using Hyperspan.Virtio;

namespace Hyperspan.Tool.Serve;

/// <summary>Counts failed requests by kind and reason. The first is logged at once, the others together, at most one line a second. Any thread may add.</summary>
internal sealed class FailureLog : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly SortedDictionary<(string Kind, string Reason), long> _all = [];
    private readonly SortedDictionary<(string Kind, string Reason), long> _pending = [];
    private readonly Action<string> _write;
    private readonly ITimer _timer;
    private bool _isQuiet;
    private bool _isDisposed;

    /// <summary>Initializes a new instance of the <see cref="FailureLog"/> class.</summary>
    /// <param name="write">Writes a line; must not wait.</param>
    /// <param name="clock">The time.</param>
    internal FailureLog(Action<string> write, TimeProvider clock)
    {
        _write = write;
        _timer = clock.CreateTimer(static state => ((FailureLog)state!).EndQuiet(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Gets how many there have been.</summary>
    internal long Count
    {
        get
        {
            lock (_gate)
            {
                return _all.Values.Sum();
            }
        }
    }

    /// <summary>Counts one.</summary>
    internal void Add(BlockFailure failure)
    {
        (string Kind, string Reason) key = (KindOf(failure.Type), ReasonOf(failure));
        lock (_gate)
        {
            _all[key] = _all.GetValueOrDefault(key) + 1;
            _pending[key] = _pending.GetValueOrDefault(key) + 1;
            if (!_isQuiet)
            {
                WritePending();
            }
        }
    }

    /// <summary>Says how many of each there have been: <c>3 read (EIO), 1 flush (ENOSPC)</c>.</summary>
    internal string Describe()
    {
        lock (_gate)
        {
            return Describe(_all);
        }
    }

    /// <summary>Says what failed and why: <c>write (ENOSPC)</c>.</summary>
    internal static string Describe(in BlockFailure failure) => $"{KindOf(failure.Type)} ({ReasonOf(failure)})";

    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            _timer.Dispose();
        }
    }

    private static string Describe(SortedDictionary<(string Kind, string Reason), long> counts) =>
        string.Join(", ", counts.Select(entry => string.Create(CultureInfo.InvariantCulture, $"{entry.Value} {entry.Key.Kind} ({entry.Key.Reason})")));

    private static string KindOf(BlockRequestType type) => type switch
    {
        BlockRequestType.Read => "read",
        BlockRequestType.Write => "write",
        BlockRequestType.Flush => "flush",
        BlockRequestType.GetId => "get id",
        BlockRequestType.Discard => "discard",
        BlockRequestType.WriteZeroes => "write zeroes",

        // One name for all: the guest chooses from 2^32 of them.
        _ => "of another type",
    };

    private static string ReasonOf(in BlockFailure failure) => failure switch
    {
        { ErrorNumber: not ErrorNumber.None } => ErrorNumber.Name(failure.ErrorNumber),
        { Status: BlockStatus.Unsupported } => "unsupported",
        _ => "invalid request",
    };

    private void EndQuiet()
    {
        lock (_gate)
        {
            _isQuiet = false;
            if (_pending.Count != 0 && !_isDisposed)
            {
                WritePending();
            }
        }
    }

    private void WritePending()
    {
        _write($"failed: {Describe(_pending)}");
        _pending.Clear();
        if (!_isDisposed)
        {
            _isQuiet = true;
            _timer.Change(Interval, Timeout.InfiniteTimeSpan);
        }
    }
}
