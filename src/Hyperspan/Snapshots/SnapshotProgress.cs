namespace Hyperspan.Snapshots;

/// <summary>How far an operation on a whole memory has come.</summary>
public readonly record struct SnapshotProgress
{
    /// <summary>Initializes a new instance of the <see cref="SnapshotProgress"/> struct.</summary>
    /// <param name="done">The bytes of guest memory that are dealt with; those that are absent count.</param>
    /// <param name="total">The bytes of guest memory that there are.</param>
    /// <param name="moved">The bytes that were read or written for it.</param>
    public SnapshotProgress(ulong done, ulong total, ulong moved)
    {
        Done = done;
        Total = total;
        Moved = moved;
    }

    /// <summary>Gets the bytes of guest memory that are dealt with; those that are absent count.</summary>
    public ulong Done { get; }

    /// <summary>Gets the bytes of guest memory that there are.</summary>
    public ulong Total { get; }

    /// <summary>Gets the bytes that were read or written for it.</summary>
    public ulong Moved { get; }
}
