using FsCheck;
using FsCheck.Fluent;

namespace Hyperspan.Tests.Addressing;

/// <summary>Values for properties: all magnitudes, and often the edges, where addressing goes wrong.</summary>
internal static class AddressingGenerators
{
    private static readonly ulong[] Edges =
    [
        0, 1, 2, 9, 10, 0xF, 0x10, 0xFFF, 0x1000, 0x1001, uint.MaxValue, 1UL << 32, long.MaxValue, 1UL << 63,
        ulong.MaxValue - 0x1000, ulong.MaxValue - 0xFFF, ulong.MaxValue - 1, ulong.MaxValue,
    ];

    public static Gen<ulong> Numbers { get; } = Gen.OneOf(
        Gen.Elements(Edges),
        from a in Gen.Choose(0, 0xFFFF)
        from b in Gen.Choose(0, 0xFFFF)
        from c in Gen.Choose(0, 0xFFFF)
        from d in Gen.Choose(0, 0xFFFF)
        from shift in Gen.Choose(0, 63)
        select (((ulong)a << 48) | ((ulong)b << 32) | ((ulong)c << 16) | (uint)d) >> shift);

    public static Gen<GuestAddress> Addresses { get; } = Numbers.Select(value => new GuestAddress(value));

    public static Gen<GuestRange> Ranges { get; } =
        from a in Numbers
        from b in Numbers
        select GuestRange.FromBounds(Math.Min(a, b), Math.Max(a, b));

    /// <summary>Ranges within 0 to 15, so that every relation between two of them comes up.</summary>
    public static Gen<GuestRange> SmallRanges { get; } =
        from start in Gen.Choose(0, 15)
        from size in Gen.Choose(0, 15 - start)
        select new GuestRange((ulong)start, (ulong)size);

    public static Gen<Protection> Protections { get; } =
        from bits in Gen.Choose(0, 7)
        select new Protection((bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0);

    public static Gen<GuestMemoryRegion> Regions { get; } =
        from range in Ranges
        from slot in Numbers
        from protection in Protections
        select new GuestMemoryRegion(range, (uint)slot, protection);

    public static void Check<T>(Gen<T> values, Func<T, bool> property) =>
        Prop.ForAll(values.ToArbitrary(), property).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));

    public static void Check<T>(Gen<T> values, Func<T, T, bool> property) =>
        Check(Gen.Zip(values, values), pair => property(pair.Item1, pair.Item2));
}
