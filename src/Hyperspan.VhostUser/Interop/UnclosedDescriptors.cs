namespace Hyperspan.VhostUser.Interop;

/// <summary>
/// How many descriptors of peers of one server are being closed, each by a thread of its own, because whoever serves their file may never answer. A peer can have as many as it
/// sends: where there are too many, it is not served, nor anybody else by this server, until there are fewer. Thread-safe.
/// </summary>
internal sealed class UnclosedDescriptors
{
    // More than an honest peer has at a time: that closes its files as fast as others do.
    private const int Most = 64;

    private int _count;

    /// <summary>Gets a value indicating whether they are too many.</summary>
    internal bool AreTooMany => Volatile.Read(ref _count) > Most;

    internal void Add() => Interlocked.Increment(ref _count);

    internal void Remove() => Interlocked.Decrement(ref _count);
}
