using Hyperspan.Guarding;

namespace Hyperspan;

/// <summary>
/// What an access does to the bytes of a region, in the forms that the slow path chooses from; as a call of the backing, by its fallback method.
/// </summary>
/// <remarks>An operation on bytes keeps its place: each call goes on where the last one that succeeded, or <see cref="Advance"/>, left off.</remarks>
internal unsafe interface IRegionOperation : IBackingCall
{
    /// <summary>Gets whether the operation reads or writes the region.</summary>
    AccessType Access { get; }

    /// <summary>Gets a value indicating whether the operation may be done piece by piece; otherwise each call does all of it.</summary>
    bool IsDivisible { get; }

    /// <summary>Gets a value indicating whether the operation is one that the processor does as a whole, and so wants natural alignment.</summary>
    bool IsAtomic { get; }

    /// <summary>Gets the caller's side of a copy at the place where the operation is, or null where there is none.</summary>
    byte* Buffer { get; }

    /// <summary>Does it by plain accesses, to memory that cannot fault.</summary>
    void Direct(byte* at, ulong length);

    /// <summary>Does it by guarded accesses.</summary>
    GuardedResult Guarded(byte* at, ulong length, bool mayBlock);

    /// <summary>Moves past bytes that are done.</summary>
    void Advance(ulong length);
}
