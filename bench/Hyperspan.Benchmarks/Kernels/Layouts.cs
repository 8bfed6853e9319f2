namespace Hyperspan.Benchmarks.Kernels;

/// <summary>
/// Marks of memories. An operation that carries one is compiled apart from the same operation on another memory, as it would be at another place of a program:
/// otherwise whichever is measured first would decide what the optimizer takes for the usual way.
/// </summary>
public static class Layouts
{
    public readonly struct Direct;

    public readonly struct Guarded;

    public readonly struct Bitmap;

    public readonly struct GuardedBitmap;

    public readonly struct Regions;

    public readonly struct Tracked;

    public readonly struct TrackedRegions;

    public readonly struct Translated;

    public readonly struct TranslatedGuarded;

    public readonly struct Mixed;
}
