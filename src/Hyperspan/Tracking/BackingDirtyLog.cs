namespace Hyperspan;

/// <summary>What was written to a backing: one map for those who write, and for each reader one of what was taken from it on behalf of others. Thread-safe.</summary>
/// <param name="length">The length of the backing in bytes.</param>
internal sealed class BackingDirtyLog(ulong length) : WriteTracker
{
    private readonly DirtyMap _written = new(length);
    private readonly Lock _lock = new();
    private readonly List<DirtyMap> _readers = [];

    /// <inheritdoc/>
    internal override void OnWritten(ulong offset, ulong length) => _written.Mark(offset, length);

    /// <summary>Gets the map that writers mark.</summary>
    internal DirtyMap Written => _written;

    /// <inheritdoc/>
    internal override void OnHeld(ulong offset, ulong length) => _written.Mark(offset, length);

    /// <summary>Adds a reader, which is owed what is written from now on.</summary>
    internal DirtyMap AddReader()
    {
        var reader = new DirtyMap(length);
        lock (_lock)
        {
            TakeForReaders();
            _readers.Add(reader);
        }

        return reader;
    }

    /// <summary>Removes a reader.</summary>
    /// <returns>Whether there is none left.</returns>
    internal bool RemoveReader(DirtyMap reader)
    {
        lock (_lock)
        {
            _readers.Remove(reader);
            return _readers.Count == 0;
        }
    }

    /// <summary>Takes what is owed to a reader. <see cref="Synchronization.ProcessBarrier.Issue"/> must follow before the pages are read.</summary>
    internal void Take<TReceiver>(DirtyMap reader, ref TReceiver receiver)
        where TReceiver : struct, IDirtyWords, allows ref struct
    {
        lock (_lock)
        {
            TakeForReaders();
            reader.Take(ref receiver);
        }
    }

    private void TakeForReaders()
    {
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
