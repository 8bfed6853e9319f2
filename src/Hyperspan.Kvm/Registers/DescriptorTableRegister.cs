using System.Runtime.InteropServices;

namespace Hyperspan.Kvm;

/// <summary>GDTR or IDTR (<c>struct kvm_dtable</c>).</summary>
[StructLayout(LayoutKind.Sequential, Size = 16)]
public record struct DescriptorTableRegister
{
    /// <summary>Gets or sets the linear address of the table.</summary>
    public ulong Base { get; set; }

    /// <summary>Gets or sets the offset of its last byte.</summary>
    public ushort Limit { get; set; }
}
