namespace Hyperspan.Tests.Guarding;

/// <summary>The implementations of guarded access.</summary>
public enum GuardKind
{
    /// <summary>Machine code, the copy for every processor of its kind.</summary>
    Baseline,

    /// <summary>Machine code, the copy with 32-byte registers.</summary>
    Avx,

    /// <summary>Machine code, the copy with 64-byte registers.</summary>
    Avx512,

    Substitute,
}
