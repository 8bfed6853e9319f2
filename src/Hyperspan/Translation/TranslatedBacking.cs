namespace Hyperspan.Translation;

/// <summary>
/// What stands behind one half of the I/O virtual addresses: no memory, but the way to it. The paths of <see cref="GuestMemory"/> know it and never call its methods.
/// </summary>
/// <param name="owner">Who translates.</param>
/// <param name="start">The I/O virtual address of the first byte.</param>
internal sealed class TranslatedBacking(TranslatedMemory owner, ulong start) : GuestMemoryBacking
{
    /// <summary>Half of the addresses: all of them are one more than a length can say.</summary>
    internal const ulong HalfLength = 1UL << 63;

    public override ulong Length => HalfLength;

    public override string Name => Owner.Target.Name;

    public override bool IsPinnable => Owner.Target.IsPinnable;

    internal override bool HasHooks => false;

    /// <summary>Gets who translates.</summary>
    internal TranslatedMemory Owner { get; } = owner;

    /// <summary>Gets the I/O virtual address of the first byte.</summary>
    internal ulong Start { get; } = start;
}
