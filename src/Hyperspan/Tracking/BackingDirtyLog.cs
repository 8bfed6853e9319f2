using System.Diagnostics.CodeAnalysis;
using Hyperspan.Synchronization;

namespace Hyperspan;

/// <summary>What was written to a backing: one map for those who write, and for each reader one of what was taken from it on behalf of others. Thread-safe.</summary>
/// <param name="backing">The backing.</param>
[SuppressMessage("Design", "CA1001", Justification = "What watches the mapping ends with the last reader that wants it.")]
internal sealed class BackingDirtyLog(GuestMemoryBacking backing) : WriteTracker
{
    private readonly DirtyMap _written = new(backing.Length);
    private readonly Lock _lock = new();
    private readonly List<DirtyMap> _readers = [];

    // Those that want to know what the kernel sees, and what it is asked by: there is one for all, because a mapping can be watched once.
    private readonly HashSet<DirtyMap> _watching = [];
    private IMappingWatch? _watch;

    /// <inheritdoc/>
    internal override void OnWritten(ulong offset, ulong length) => _written.Mark(offset, length);

    /// <summary>Gets the map that writers mark.</summary>
    internal DirtyMap Written => _written;

    /// <inheritdoc/>
    internal override void OnHeld(ulong offset, ulong length) => _written.Mark(offset, length);

    /// <summary>Adds a reader, which is owed what is written from now on.</summary>
    /// <exception cref="PlatformNotSupportedException">The mapping is to be watched, and the kernel cannot do it.</exception>
    /// <exception cref="GuestMemoryMappingException">The mapping cannot be watched.</exception>
    internal unsafe DirtyMap AddReader(DirtyLogScope scope)
    {
        var reader = new DirtyMap(backing.Length);
        using (UninterruptedLock.Enter(_lock))
        {
            try
            {
                // Memory without a mapping is reached by operations alone.
                if (scope == DirtyLogScope.Mapping && backing.Mapping != null)
                {
                    _watching.Add(reader);
                    if (_watch is null)
                    {
                        _watch = OperatingSystem.IsWindows() ? new WindowsMappingWatch(backing) : new MappingWatch(backing);
                        _watch.Take(new DirtyMap(backing.Length));
                    }
                }

                TakeForReaders();
                _readers.Add(reader);
            }
            catch
            {
                Forget(reader);
                throw;
            }
        }

        return reader;
    }

    /// <summary>Removes a reader.</summary>
    /// <returns>Whether there is none left.</returns>
    internal bool RemoveReader(DirtyMap reader)
    {
        using (UninterruptedLock.Enter(_lock))
        {
            Forget(reader);
            return _readers.Count == 0;
        }
    }

    /// <summary>Takes what is owed to a reader. <see cref="ProcessBarrier.Issue"/> must follow before the pages are read.</summary>
    internal void Take<TReceiver>(DirtyMap reader, ref TReceiver receiver)
        where TReceiver : struct, IDirtyWords, allows ref struct
    {
        using (UninterruptedLock.Enter(_lock))
        {
            TakeForReaders();
            reader.Take(ref receiver);
        }
    }

    /// <summary>Puts back what was taken for a reader, who could not hand it out.</summary>
    internal void GiveBack(DirtyMap reader, List<DirtyWord> words)
    {
        using (UninterruptedLock.Enter(_lock))
        {
            words.ForEach(word => reader.Add(word.Index, word.Bits));
        }
    }

    private void Forget(DirtyMap reader)
    {
        _readers.Remove(reader);
        if (_watching.Remove(reader) && _watching.Count == 0)
        {
            _watch?.Dispose();
            _watch = null;
        }
    }

    private void TakeForReaders()
    {
        _watch?.Take(_written);
        var readers = new Readers(_readers);
        _written.Take(ref readers);
    }

    private readonly struct Readers(List<DirtyMap> readers) : IDirtyWords
    {
        public void Add(ulong word, ulong bits)
        {
            foreach (DirtyMap reader in readers)
            {
                reader.Add(word, bits);
            }
        }
    }
}
