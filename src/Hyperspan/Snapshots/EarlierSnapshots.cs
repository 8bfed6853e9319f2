namespace Hyperspan.Snapshots;

/// <summary>Snapshots that somebody names in case a difference needs them, told by their identity. Each is looked into once, and none before it may be needed.</summary>
internal sealed class EarlierSnapshots(IReadOnlyList<string> paths)
{
    private readonly Dictionary<Guid, string> _known = [];
    private int _next;

    /// <summary>Opens the first that has an identity.</summary>
    /// <param name="id">The identity.</param>
    /// <returns>The file, or nothing where none has it.</returns>
    internal SnapshotFile? Find(Guid id)
    {
        if (_known.TryGetValue(id, out string? path))
        {
            SnapshotFile again = SnapshotFile.Open(path);
            if (again.Id == id)
            {
                return again;
            }

            again.Dispose();
            throw new InvalidSnapshotException(path, "has been replaced while it was looked at");
        }

        while (_next < paths.Count)
        {
            path = paths[_next++];
            SnapshotFile candidate = SnapshotFile.Open(path);
            _known.TryAdd(candidate.Id, path);
            if (candidate.Id == id)
            {
                return candidate;
            }

            candidate.Dispose();
        }

        return null;
    }
}
