namespace Hyperspan.Snapshots;

/// <summary>A file is no snapshot, not one that can be read here, or damaged. The message is one sentence that names the file.</summary>
public sealed class InvalidSnapshotException : IOException
{
    internal InvalidSnapshotException(string name, string reason, Exception? inner = null)
        : base($"{name}: {reason}", inner)
    {
    }

    /// <summary>Gets a value indicating whether the file is a snapshot whose bytes are not those that were written: a checksum does not agree.</summary>
    public bool IsDamaged { get; internal init; }
}
