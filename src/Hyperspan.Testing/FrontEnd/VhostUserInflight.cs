using System.Diagnostics;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Testing;

/// <summary>
/// The memory in which a back end records the requests in flight. The front end keeps it, and gives it to a back end that takes over after a crash.
/// </summary>
/// <param name="file">The file; disposed with this object.</param>
/// <param name="length">The length in bytes.</param>
/// <param name="offset">Where in the file it begins.</param>
/// <param name="queueCount">The number of queues.</param>
/// <param name="queueSize">The number of descriptors of each.</param>
[DebuggerDisplay("{QueueCount} queues of {QueueSize}, {Length} bytes at {Offset}")]
public sealed class VhostUserInflight(SafeFileHandle file, ulong length, ulong offset, ushort queueCount, ushort queueSize) : IDisposable
{
    /// <summary>Gets the file.</summary>
    public SafeFileHandle File { get; } = file ?? throw new ArgumentNullException(nameof(file));

    /// <summary>Gets the length in bytes.</summary>
    public ulong Length { get; } = length;

    /// <summary>Gets where in the file it begins.</summary>
    public ulong Offset { get; } = offset;

    /// <summary>Gets the number of queues.</summary>
    public ushort QueueCount { get; } = queueCount;

    /// <summary>Gets the number of descriptors of each queue.</summary>
    public ushort QueueSize { get; } = queueSize;

    /// <summary>Closes the file.</summary>
    public void Dispose() => File.Dispose();
}
