namespace Hyperspan;

/// <summary>A call of one method of a backing; see <see cref="BackingCall"/>. Implemented by structs, so that each is compiled by itself.</summary>
internal interface IBackingCall
{
    /// <summary>Calls it. It may throw.</summary>
    /// <param name="backing">The backing.</param>
    /// <param name="offset">The first byte, from the start of the backing.</param>
    /// <param name="length">The length in bytes.</param>
    BackingResult Invoke(GuestMemoryBacking backing, ulong offset, ulong length);
}
