using System.Diagnostics;

using Hyperspan.Translation;

namespace Hyperspan.VhostUser;

/// <summary>
/// The translations that a front end has given, and those that it has been asked for. Both are bounded, whatever it sends and whatever a guest's descriptors name.
/// </summary>
/// <remarks>
/// <para>
/// A queue asks before it looks at its rings, and before it takes a chain, which it leaves in the ring until all its translations have come (<see cref="RingGate"/>): so no
/// thread waits for the front end, which may itself wait for a queue to stop. What is wanted after that, because a front end gave another translation without a word or
/// there was no room for it, is waited for by the thread that accesses it, not longer than the limit, and not while its queue is to stop.
/// </para>
/// <para>A translation that does not come in time counts as one that there is none for: then the request that wants it fails, as it does where the IOMMU refuses it.</para>
/// </remarks>
internal sealed class DeviceIotlb : IAddressTranslator
{
    /// <summary>The most ranges that are kept. One more takes the place of another, which is asked for again if it is wanted.</summary>
    internal const int MostRanges = 16384;

    /// <summary>The most translations that are asked for at a time.</summary>
    internal const int MostMisses = 256;

    private const int MostTries = 64;

    private const ulong PageMask = GuestAddress.PageSize - 1;

    private static readonly TimeSpan WaitStep = TimeSpan.FromMilliseconds(5);

    // Asked for again after this: the channel may have been full.
    private static readonly TimeSpan AskAgain = TimeSpan.FromMilliseconds(100);

    // What a guest has fail is not told more often: front ends put it in their logs.
    private static readonly TimeSpan TellAgain = TimeSpan.FromSeconds(1);

    [ThreadStatic]
    private static CancellationToken Stopping;

    private readonly Func<IotlbMessage, bool> _send;
    private readonly TimeSpan _limit;

    // What is locked, and waited on. Sorted by address, without overlaps.
    private readonly List<AddressTranslation> _ranges = [];
    private readonly Dictionary<(ulong Page, AccessType Access), Miss> _misses = [];
    private int _nextEvicted;
    private long _toldAt;
    private bool _isClosed;

    /// <summary>Initializes a new instance of the <see cref="DeviceIotlb"/> class.</summary>
    /// <param name="send">Sends a message to the front end, without waiting; answers whether it was sent.</param>
    /// <param name="limit">How long a translation is waited for.</param>
    internal DeviceIotlb(Func<IotlbMessage, bool> send, TimeSpan limit)
    {
        _send = send;
        _limit = limit;
    }

    /// <summary>Gets what is locked.</summary>
    internal object Sync => _ranges;

    /// <summary>Gets a value indicating whether nobody answers any more. Under the lock.</summary>
    internal bool IsClosed => _isClosed;

    /// <summary>Gets or sets what says whether a queue uses anything of a range, first and last address.</summary>
    internal Func<ulong, ulong, bool> IsInUse { get; set; } = static (_, _) => false;

    /// <summary>Gets or sets the thread that hears the front end's answers: it waits for none.</summary>
    internal int ListeningThread { get; set; }

    /// <summary>Says when this thread, that of a queue, is to wait no more.</summary>
    internal static void StopThreadBy(CancellationToken stopping) => Stopping = stopping;

    /// <inheritdoc/>
    public bool TryTranslate(ulong address, out AddressTranslation translation)
    {
        lock (_ranges)
        {
            int at = Find(address);
            translation = at >= 0 ? _ranges[at] : default;
            return at >= 0;
        }
    }

    /// <summary>The last address of a range of at least one byte; what reaches past 2^64 is cut off there.</summary>
    internal static ulong LastOf(ulong address, ulong length) => length - 1 > ulong.MaxValue - address ? ulong.MaxValue : address + (length - 1);

    /// <summary>Looks whether all of a range is translated; where not, asks the front end. Under the lock.</summary>
    /// <returns>Whether it is, or never will be.</returns>
    internal bool IsReachable(ulong address, ulong length, bool isWritable)
    {
        AccessType access = isWritable ? AccessType.Write : AccessType.Read;
        ulong last = LastOf(address, length);
        bool reachable = true;
        for (ulong at = address; ;)
        {
            int found = Find(at);
            ulong end = at | PageMask;
            if (found >= 0 && Permits(_ranges[found], access))
            {
                end = _ranges[found].Address + (_ranges[found].Length - 1);
            }
            else if (Ask(at & ~PageMask, access) is MissState.Expired)
            {
                // It is taken, and fails.
                return true;
            }
            else
            {
                reachable = false;
                if (_misses.Count >= MostMisses)
                {
                    return false;
                }
            }

            if (end >= last)
            {
                return reachable;
            }

            at = end + 1;
        }
    }

    /// <summary>Waits until translations may have come; not for long, as nobody says when a queue is to stop. Under the lock.</summary>
    internal void WaitForChange() => Monitor.Wait(_ranges, WaitStep);

    /// <inheritdoc/>
    public bool OnMiss(ulong address, AccessType access)
    {
        if (Environment.CurrentManagedThreadId == ListeningThread)
        {
            return false;
        }

        CancellationToken stopping = Stopping;
        (ulong, AccessType) key = (address & ~PageMask, access);
        lock (_ranges)
        {
            while (!_isClosed && !stopping.IsCancellationRequested)
            {
                if (Find(address) is >= 0 and var at && Permits(_ranges[at], access))
                {
                    return true;
                }

                MissState state = Ask(key.Item1, access);
                if (state == MissState.Expired)
                {
                    _misses.Remove(key);
                    return false;
                }

                WaitForChange();
            }

            return false;
        }
    }

    /// <summary>Adds a translation, in the place of what it overlaps. Answers what of that said something else, which is in use until it is invalidated.</summary>
    internal (ulong First, ulong Last)? Update(in AddressTranslation translation)
    {
        ulong last = translation.Address + (translation.Length - 1);
        lock (_ranges)
        {
            (ulong First, ulong Last)? changed = null;
            for (int i = FirstFrom(translation.Address); i < _ranges.Count && _ranges[i].Address <= last; i++)
            {
                AddressTranslation other = _ranges[i];
                bool same = unchecked(other.Target.Value - other.Address) == unchecked(translation.Target.Value - translation.Address)
                    && (!other.Protection.CanRead || translation.Protection.CanRead)
                    && (!other.Protection.CanWrite || translation.Protection.CanWrite);
                if (!same)
                {
                    ulong from = Math.Max(other.Address, translation.Address);
                    ulong to = Math.Min(other.Address + (other.Length - 1), last);
                    changed = (changed?.First ?? from, to);
                }
            }

            RemoveLocked(translation.Address, last);
            if (_ranges.Count >= MostRanges)
            {
                Evict();
            }

            _ranges.Insert(FirstFrom(translation.Address), translation);
            foreach ((ulong Page, AccessType Access) miss in _misses.Keys)
            {
                // Removing does not disturb the enumeration.
                if (miss.Page >= translation.Address && miss.Page <= last && Permits(translation, miss.Access))
                {
                    _misses.Remove(miss);
                }
            }

            Monitor.PulseAll(_ranges);
            return changed;
        }
    }

    /// <summary>Takes a range away, first and last address, unless a queue uses anything of it.</summary>
    /// <returns>Whether it was taken away.</returns>
    internal bool TryRemove(ulong first, ulong last)
    {
        lock (_ranges)
        {
            if (IsInUse(first, last))
            {
                return false;
            }

            RemoveLocked(first, last);
            return true;
        }
    }

    /// <summary>Takes all away: they were of memory that is not shared any more.</summary>
    internal void Clear()
    {
        lock (_ranges)
        {
            _ranges.Clear();
            _misses.Clear();
        }
    }

    /// <summary>Nobody answers any more: nobody waits.</summary>
    internal void Close()
    {
        lock (_ranges)
        {
            _isClosed = true;
            Monitor.PulseAll(_ranges);
        }
    }

    private static bool Permits(in AddressTranslation translation, AccessType access) =>
        access == AccessType.Write ? translation.Protection.CanWrite : translation.Protection.CanRead;

    /// <summary>The range that has an address, or -1.</summary>
    private int Find(ulong address)
    {
        int at = FirstFrom(address);
        return at < _ranges.Count && _ranges[at].Address <= address ? at : -1;
    }

    /// <summary>The first range that does not end before an address.</summary>
    private int FirstFrom(ulong address)
    {
        int low = 0;
        for (int high = _ranges.Count; low < high;)
        {
            int middle = (low + high) >>> 1;
            AddressTranslation range = _ranges[middle];
            if (range.Address + (range.Length - 1) < address)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }

    /// <summary>Makes room for one range more, at the cost of one that no queue uses if there is one nearby.</summary>
    private void Evict()
    {
        for (int tries = 0; tries < MostTries; tries++)
        {
            _nextEvicted = (_nextEvicted + 1) % _ranges.Count;
            AddressTranslation range = _ranges[_nextEvicted];
            if (!IsInUse(range.Address, range.Address + (range.Length - 1)))
            {
                break;
            }
        }

        _ranges.RemoveAt(_nextEvicted);
    }

    private void RemoveLocked(ulong first, ulong last)
    {
        int from = FirstFrom(first);
        int to = from;
        AddressTranslation? before = null, after = null;
        for (; to < _ranges.Count && _ranges[to].Address <= last; to++)
        {
            AddressTranslation range = _ranges[to];
            ulong end = range.Address + (range.Length - 1);
            if (range.Address < first)
            {
                before = range with { Length = first - range.Address };
            }

            if (end > last)
            {
                ulong skip = last - range.Address + 1;
                after = new AddressTranslation(range.Address + skip, range.Target + skip, end - last, range.Protection);
            }
        }

        _ranges.RemoveRange(from, to - from);
        if (after is { } above)
        {
            _ranges.Insert(from, above);
        }

        if (before is { } below)
        {
            _ranges.Insert(from, below);
        }

        // Cut in two where there is no room for that: one of them is asked for again.
        if (_ranges.Count > MostRanges)
        {
            _ranges.RemoveAt(from);
        }
    }

    /// <summary>Asks the front end for the translation of a page, unless that has been done.</summary>
    private MissState Ask(ulong page, AccessType access)
    {
        long now = Stopwatch.GetTimestamp();
        if (!_misses.TryGetValue((page, access), out Miss miss))
        {
            if (_misses.Count >= MostMisses && !TryForget(now))
            {
                return MissState.Full;
            }

            miss = new Miss(now, 0, false);
        }

        byte permission = access == AccessType.Write ? (byte)(IotlbMessage.ReadPermission | IotlbMessage.WritePermission) : IotlbMessage.ReadPermission;
        if (Stopwatch.GetElapsedTime(miss.Since, now) >= _limit)
        {
            _misses[(page, access)] = miss with { IsTold = true };
            if (!miss.IsTold && (_toldAt == 0 || Stopwatch.GetElapsedTime(_toldAt, now) >= TellAgain))
            {
                _toldAt = now;
                _send(new IotlbMessage(page, GuestAddress.PageSize, 0, permission, IotlbMessageType.AccessFailed));
            }

            return MissState.Expired;
        }

        if (miss.Asked == 0 || Stopwatch.GetElapsedTime(miss.Asked, now) >= AskAgain)
        {
            miss = miss with { Asked = _send(new IotlbMessage(page, GuestAddress.PageSize, 0, permission, IotlbMessageType.Miss)) ? now : 0 };
        }

        _misses[(page, access)] = miss;
        return MissState.Asked;
    }

    /// <summary>Forgets a miss that has expired and that nobody came back for.</summary>
    private bool TryForget(long now)
    {
        foreach (((ulong, AccessType) key, Miss miss) in _misses)
        {
            if (Stopwatch.GetElapsedTime(miss.Since, now) >= _limit)
            {
                return _misses.Remove(key);
            }
        }

        return false;
    }

    private enum MissState
    {
        Asked,
        Expired,
        Full,
    }

    private readonly record struct Miss(long Since, long Asked, bool IsTold);
}
