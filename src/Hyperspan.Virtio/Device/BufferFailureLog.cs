using System.Diagnostics;
using System.Globalization;

namespace Hyperspan.Virtio;

/// <summary>
/// Tells of requests whose buffers could not be accessed: of the first at once, of others together, once a second at most, whatever a guest does. Used by the thread of a queue;
/// compiled into each transport.
/// </summary>
/// <param name="tell">Is told how many there were since it was told last, in words, and what the first of them met.</param>
internal sealed class BufferFailureLog(Action<string, GuestMemoryFault> tell)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private uint _count;
    private GuestMemoryFault _fault;
    private long _toldAt;

    /// <summary>Takes note of what a handler did, if only to tell of what was kept back.</summary>
    internal void Add(in QueueProcessResult result)
    {
        if (result.BufferFault is { } fault)
        {
            _fault = _count == 0 ? fault : _fault;
            _count += result.BufferFailures;
        }

        if (_count != 0 && (_toldAt == 0 || Stopwatch.GetElapsedTime(_toldAt) >= Interval))
        {
            Tell();
        }
    }

    /// <summary>Nothing more comes: what was kept back is told. When the thread of the queue has ended; not at each pause, which a guest may bring about.</summary>
    internal void End()
    {
        if (_count != 0)
        {
            Tell();
        }
    }

    private void Tell()
    {
        string text = _count == 1
            ? $"a buffer of a request cannot be accessed: {_fault}"
            : string.Create(CultureInfo.InvariantCulture, $"buffers of {_count} requests cannot be accessed, the first: {_fault}");
        _count = 0;
        _toldAt = Stopwatch.GetTimestamp();
        tell(text, _fault);
    }
}
