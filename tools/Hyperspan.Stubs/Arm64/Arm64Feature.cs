namespace Hyperspan.Stubs.Arm64;

/// <summary>Features that some processors have and the first ones of the architecture have not.</summary>
internal enum Arm64Feature
{
    None,

    /// <summary>Atomic instructions (LSE, Armv8.1).</summary>
    Atomics,

    /// <summary>Loads that acquire with respect to other threads' releases alone (LRCPC, Armv8.3).</summary>
    ProcessorConsistency,
}
