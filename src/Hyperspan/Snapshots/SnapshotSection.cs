using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace Hyperspan.Snapshots;

/// <summary>Something of the caller's own that is kept in a snapshot: the state of a device, a configuration.</summary>
[DebuggerDisplay("{Name}")]
public sealed class SnapshotSection
{
    /// <summary>Initializes a new instance of the <see cref="SnapshotSection"/> class from bytes.</summary>
    /// <param name="name">The name; at most 4096 bytes of UTF-8, and no other section's.</param>
    /// <param name="content">The bytes.</param>
    public SnapshotSection(string name, ReadOnlyMemory<byte> content)
        : this(name, new MemoryStream(content.ToArray(), writable: false))
    {
    }

    /// <summary>Initializes a new instance of the <see cref="SnapshotSection"/> class from a stream.</summary>
    /// <param name="name">The name; at most 4096 bytes of UTF-8, and no other section's.</param>
    /// <param name="content">The stream, which is read to its end once, and stays the caller's.</param>
    [SuppressMessage("Reliability", "CA2000", Justification = "The caller's stream.")]
    public SnapshotSection(string name, Stream content)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(content);
        Name = name;
        Content = content;
    }

    /// <summary>Gets the name.</summary>
    public string Name { get; }

    internal Stream Content { get; }
}
