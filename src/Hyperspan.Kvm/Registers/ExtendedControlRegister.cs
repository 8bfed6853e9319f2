using System.Runtime.InteropServices;

namespace Hyperspan.Kvm;

/// <summary>An extended control register (<c>struct kvm_xcr</c>): XCR0 says which parts of the extended state are in use.</summary>
[StructLayout(LayoutKind.Explicit, Size = 16)]
public readonly record struct ExtendedControlRegister
{
    /// <summary>Initializes a new instance of the <see cref="ExtendedControlRegister"/> struct.</summary>
    /// <param name="index">The number by which XGETBV knows it.</param>
    /// <param name="value">The value.</param>
    public ExtendedControlRegister(uint index, ulong value)
    {
        Index = index;
        Value = value;
    }

    /// <summary>Gets the number by which XGETBV knows it.</summary>
    [field: FieldOffset(0)]
    public uint Index { get; }

    /// <summary>Gets the value.</summary>
    [field: FieldOffset(8)]
    public ulong Value { get; }
}
