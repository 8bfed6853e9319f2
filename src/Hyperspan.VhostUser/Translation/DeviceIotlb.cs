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
/// <para>
/// What the IOMMU refuses, the front end says in its reply, where replies were agreed on: the request that wants it fails at once. A translation that does not come in time
/// counts as refused, and so does each while nobody can be asked, because the front end has closed its end of the channel. Such a verdict is for who began to ask before it was
/// asked for: a guest may have given the translation since, and what comes later asks again.
/// </para>
/// </remarks>
internal sealed class DeviceIotlb : IAddressTranslator
{
    /// <summary>The most ranges that are kept. One more takes the place of another, which is asked for again if it is wanted.</summary>
    internal const int MostRanges = 16384;

    /// <summary>The most translations that are asked for at a time.</summary>
    internal const int MostMisses = 256;

    /// <summary>The most replies that are waited for at a time: fewer than the front end's socket has room for, so that it never waits for us to take them.</summary>
    internal const int MostAwaited = 64;

    private const int MostTries = 64;

    private const ulong PageMask = GuestAddress.PageSize - 1;

    private static readonly TimeSpan WaitStep = TimeSpan.FromMilliseconds(5);

    // Asked for again after this, and then after twice as long each time: what was given may have been taken away, and a front end that does not reply says nothing where
    // there is no translation yet. One that is slow is not given more to do than it does: it would come to what is asked now when the time for that is over.
    private static readonly TimeSpan AskAgain = TimeSpan.FromMilliseconds(100);
    private const int MostDoublings = 6;

    // What a guest has fail is not told more often: front ends put it in their logs.
    private static readonly TimeSpan TellAgain = TimeSpan.FromSeconds(1);

    // A verdict that nobody came for makes room for another question after this.
    private static readonly TimeSpan ForgetAfter = TimeSpan.FromSeconds(1);

    [ThreadStatic]
    private static CancellationToken Stopping;

    private readonly Func<IotlbMessage, bool, bool> _send;
    private readonly TimeSpan _limit;

    // What is locked, and waited on. Sorted by address, without overlaps.
    private readonly List<AddressTranslation> _ranges = [];
    private readonly Dictionary<(ulong Page, AccessType Access), Miss> _misses = [];

    // The front end replies in the order in which it was asked, and says no more than that.
    private readonly Queue<(ulong Page, AccessType Access, long Question)> _awaited = new(MostAwaited);
    private long _lastQuestion;
    private int _nextEvicted;
    private long _toldAt;
    private bool _isClosed;
    private bool _isSilent;
    private long _age;

    /// <summary>Initializes a new instance of the <see cref="DeviceIotlb"/> class.</summary>
    /// <param name="send">Sends a message to the front end, without waiting, with the question for a reply or without; answers whether it was sent.</param>
    /// <param name="limit">How long a translation is waited for.</param>
    internal DeviceIotlb(Func<IotlbMessage, bool, bool> send, TimeSpan limit)
    {
        _send = send;
        _limit = limit;
    }

    /// <summary>Gets what is locked.</summary>
    internal object Sync => _ranges;

    /// <summary>
    /// Gets how often something was taken away: what was found at one age holds until the next. It is changed under the lock, before anybody looks who uses what is taken
    /// away; read under that of the queue (<see cref="RingGate"/>).
    /// </summary>
    internal long Age => Volatile.Read(ref _age);

    /// <summary>Gets a value indicating whether nobody answers any more. Under the lock.</summary>
    internal bool IsClosed => _isClosed;

    /// <summary>Gets or sets what says whether a queue uses anything of a range, first and last address.</summary>
    internal Func<ulong, ulong, bool> IsInUse { get; set; } = static (_, _) => false;

    /// <summary>Gets or sets the thread that hears the front end's answers: it waits for none.</summary>
    internal int ListeningThread { get; set; }

    /// <summary>Gets or sets a value indicating whether the front end replies to questions that want it.</summary>
    internal bool IsReplied { get; set; }

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
    /// <param name="address">Its first address.</param>
    /// <param name="length">Its length; not zero.</param>
    /// <param name="isWritable">Whether it is to be written.</param>
    /// <param name="since">When the caller began to miss something: an earlier verdict may hold no more. Zero if it has missed nothing yet; set here when it does.</param>
    internal Reachability Reach(ulong address, ulong length, bool isWritable, ref long since)
    {
        AccessType access = isWritable ? AccessType.Write : AccessType.Read;
        ulong last = LastOf(address, length);
        var all = Reachability.Translated;
        for (ulong at = address; ;)
        {
            int found = Find(at);
            ulong end = at | PageMask;
            if (found >= 0 && Permits(_ranges[found], access))
            {
                end = _ranges[found].Address + (_ranges[found].Length - 1);
            }
            else
            {
                since = since == 0 ? Stopwatch.GetTimestamp() : since;
                all = Ask(at & ~PageMask, access, since);
                if (all != Reachability.Asked)
                {
                    return all;
                }
            }

            if (end >= last)
            {
                return all;
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
        long began = Stopwatch.GetTimestamp();
        lock (_ranges)
        {
            // Others may ask anew for the same page, again and again.
            while (!_isClosed && !stopping.IsCancellationRequested && Stopwatch.GetElapsedTime(began) <= _limit)
            {
                if (Find(address) is >= 0 and var at && Permits(_ranges[at], access))
                {
                    return true;
                }

                if (Ask(key.Item1, access, since: 0) == Reachability.Refused)
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
            // First: from here on no queue begins to use it by what it remembers.
            Grow();
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
            Grow();
            _ranges.Clear();
            _misses.Clear();
        }
    }

    /// <summary>Takes the reply to the oldest question that awaits one.</summary>
    /// <param name="isDone">Whether the translation was given, and not refused.</param>
    /// <returns>Whether there was such a question.</returns>
    internal bool TakeReply(bool isDone)
    {
        lock (_ranges)
        {
            if (!_awaited.TryDequeue(out (ulong Page, AccessType Access, long Question) asked))
            {
                return false;
            }

            // Of a question that was asked again since, or forgotten, it says nothing.
            (ulong, AccessType) key = (asked.Page, asked.Access);
            if (_misses.TryGetValue(key, out Miss miss) && miss.Question == asked.Question)
            {
                _misses[key] = miss with { Question = 0, Refused = isDone ? 0 : Stopwatch.GetTimestamp() };
                Monitor.PulseAll(_ranges);
            }

            return true;
        }
    }

    /// <summary>The front end hears nobody any more: what is missing is refused at once, and who waits for it waits no longer. Until there is another channel.</summary>
    internal void Silence()
    {
        lock (_ranges)
        {
            _isSilent = true;
            _awaited.Clear();
            _misses.Clear();
            Monitor.PulseAll(_ranges);
        }
    }

    /// <summary>No replies will come to what was asked before: it is asked again, over another channel.</summary>
    internal void ForgetReplies()
    {
        lock (_ranges)
        {
            _isSilent = false;
            _awaited.Clear();
            foreach ((ulong, AccessType) key in _misses.Keys.ToArray())
            {
                _misses[key] = _misses[key] with { Question = 0, Asked = 0, Times = 0 };
            }
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

    /// <summary>What others remember is old from now on. A full fence: those who are not seen to use something see it.</summary>
    private void Grow() => Interlocked.Increment(ref _age);

    /// <summary>Makes room for one range more, at the cost of one that no queue uses if there is one nearby.</summary>
    private void Evict()
    {
        Grow();
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
                before = new AddressTranslation(range.Address, range.Target, first - range.Address, range.Protection);
            }

            if (end > last)
            {
                ulong skip = last - range.Address + 1;
                after = new AddressTranslation(range.Address + skip, range.Target + skip, end - last, range.Protection);
            }
        }

        if (to != from)
        {
            Grow();
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
    private Reachability Ask(ulong page, AccessType access, long since)
    {
        if (_isSilent)
        {
            return Reachability.Refused;
        }

        long now = Stopwatch.GetTimestamp();
        if (!_misses.TryGetValue((page, access), out Miss miss))
        {
            if (_misses.Count >= MostMisses && !TryForget(now))
            {
                return Reachability.Full;
            }

            miss = new Miss(now);
        }
        else if (miss.Since < since && (miss.Refused != 0 || HasExpired(miss, now)))
        {
            miss = new Miss(now);
        }

        if (miss.Refused != 0)
        {
            return Reachability.Refused;
        }

        if (HasExpired(miss, now))
        {
            _misses[(page, access)] = miss with { IsTold = true };
            if (!miss.IsTold && (_toldAt == 0 || Stopwatch.GetElapsedTime(_toldAt, now) >= TellAgain))
            {
                _toldAt = now;
                Send(page, access, IotlbMessageType.AccessFailed, wantsReply: false);
            }

            return Reachability.Refused;
        }

        if (miss.Asked == 0 || Stopwatch.GetElapsedTime(miss.Asked, now) >= AskAgain * (1 << Math.Clamp(miss.Times - 1, 0, MostDoublings)))
        {
            // One reply is enough.
            bool wantsReply = IsReplied && miss.Question == 0 && _awaited.Count < MostAwaited;
            bool isSent = Send(page, access, IotlbMessageType.Miss, wantsReply);

            // What is asked without a reply, for want of room, is asked again as soon as that may be there.
            int times = isSent && (wantsReply || miss.Question != 0 || !IsReplied) ? miss.Times + 1 : miss.Times;
            miss = miss with { Asked = isSent ? now : 0, Times = times };
            if (isSent && wantsReply)
            {
                miss = miss with { Question = ++_lastQuestion };
                _awaited.Enqueue((page, access, miss.Question));
            }
        }

        _misses[(page, access)] = miss;
        return Reachability.Asked;
    }

    private bool Send(ulong page, AccessType access, IotlbMessageType type, bool wantsReply)
    {
        byte permission = access == AccessType.Write ? (byte)(IotlbMessage.ReadPermission | IotlbMessage.WritePermission) : IotlbMessage.ReadPermission;
        return _send(new IotlbMessage(page, GuestAddress.PageSize, 0, permission, type), wantsReply);
    }

    private bool HasExpired(in Miss miss, long now) => Stopwatch.GetElapsedTime(miss.Since, now) >= _limit;

    /// <summary>Forgets a verdict that nobody came back for.</summary>
    private bool TryForget(long now)
    {
        foreach (((ulong, AccessType) key, Miss miss) in _misses)
        {
            if (miss.Refused != 0 ? Stopwatch.GetElapsedTime(miss.Refused, now) >= ForgetAfter : Stopwatch.GetElapsedTime(miss.Since, now) - ForgetAfter >= _limit)
            {
                return _misses.Remove(key);
            }
        }

        return false;
    }

    /// <summary>A translation that is missing.</summary>
    /// <param name="Since">When it was first asked for.</param>
    /// <param name="Asked">When it was last asked for; zero if that is to be done.</param>
    /// <param name="Question">Which question awaits its reply; zero if none does.</param>
    /// <param name="Refused">When it was refused; zero if it was not.</param>
    /// <param name="IsTold">Whether the front end was told that it did not come.</param>
    /// <param name="Times">How often it was asked for.</param>
    private readonly record struct Miss(long Since, long Asked = 0, long Question = 0, long Refused = 0, bool IsTold = false, int Times = 0);
}
