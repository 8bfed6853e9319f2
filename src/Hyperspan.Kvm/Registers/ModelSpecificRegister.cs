using System.Runtime.InteropServices;

namespace Hyperspan.Kvm;

/// <summary>A model-specific register and its value (<c>struct kvm_msr_entry</c>).</summary>
[StructLayout(LayoutKind.Explicit, Size = 16)]
public readonly record struct ModelSpecificRegister
{
    /// <summary>Initializes a new instance of the <see cref="ModelSpecificRegister"/> struct.</summary>
    /// <param name="index">The number by which RDMSR knows it.</param>
    /// <param name="value">The value.</param>
    public ModelSpecificRegister(uint index, ulong value)
    {
        Index = index;
        Value = value;
    }

    /// <summary>Gets the number by which RDMSR knows it.</summary>
    [field: FieldOffset(0)]
    public uint Index { get; }

    /// <summary>Gets the value.</summary>
    [field: FieldOffset(8)]
    public ulong Value { get; }
}
