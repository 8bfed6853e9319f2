namespace Hyperspan.Snapshots;

/// <summary>How the pages of a chunk are stored.</summary>
internal enum SnapshotEncoding : byte
{
    /// <summary>As they are, one after the other, from a multiple of the page size in the file on.</summary>
    Raw = 0,

    /// <summary>One after the other, compressed by Brotli (RFC 7932).</summary>
    Brotli = 1,
}
