using System.Diagnostics;

namespace Hyperspan;

/// <summary>How a <see cref="ForeignBacking"/> is made.</summary>
[DebuggerDisplay("{Name}, writable: {Writable}")]
public sealed class ForeignBackingOptions
{
    /// <summary>Gets the name used in faults.</summary>
    /// <exception cref="ArgumentNullException">It is <see langword="null"/>.</exception>
    public string Name { get; init => field = value ?? throw new ArgumentNullException(nameof(value)); } = "foreign";

    /// <summary>Gets a value indicating whether the memory can be written. The default is yes.</summary>
    public bool Writable { get; init; } = true;

    /// <summary>Gets a value indicating whether all pages are entered into this process's page tables at once. Needs Linux 5.14.</summary>
    public bool Prefault { get; init; }
}
