using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hyperspan.Kvm;

/// <summary>Segments, descriptor tables and control registers (<c>struct kvm_sregs</c>).</summary>
/// <remarks>What has parts is a field, so that they can be set where they stand: <c>registers.Cs.Base = 0</c>.</remarks>
[StructLayout(LayoutKind.Sequential)]
public struct SpecialRegisters
{
    /// <summary>CS.</summary>
    public SegmentRegister Cs;

    /// <summary>DS.</summary>
    public SegmentRegister Ds;

    /// <summary>ES.</summary>
    public SegmentRegister Es;

    /// <summary>FS.</summary>
    public SegmentRegister Fs;

    /// <summary>GS.</summary>
    public SegmentRegister Gs;

    /// <summary>SS.</summary>
    public SegmentRegister Ss;

    /// <summary>TR.</summary>
    public SegmentRegister Tr;

    /// <summary>LDTR.</summary>
    public SegmentRegister Ldt;

    /// <summary>GDTR.</summary>
    public DescriptorTableRegister Gdt;

    /// <summary>IDTR.</summary>
    public DescriptorTableRegister Idt;

    /// <summary>Gets or sets CR0.</summary>
    public ulong Cr0 { get; set; }

    /// <summary>Gets or sets CR2.</summary>
    public ulong Cr2 { get; set; }

    /// <summary>Gets or sets CR3.</summary>
    public ulong Cr3 { get; set; }

    /// <summary>Gets or sets CR4.</summary>
    public ulong Cr4 { get; set; }

    /// <summary>Gets or sets CR8.</summary>
    public ulong Cr8 { get; set; }

    /// <summary>Gets or sets the extended feature enable register, MSR 0xc0000080.</summary>
    public ulong Efer { get; set; }

    /// <summary>Gets or sets the base of the local APIC with its enabling bits, MSR 0x1b.</summary>
    public ulong ApicBase { get; set; }

    private InlineArray4<ulong> _pending;

    /// <summary>Gets or sets the vector of an external interrupt that was acknowledged and not yet delivered, or <see langword="null"/>. At most one is.</summary>
    public byte? PendingInterrupt
    {
        readonly get
        {
            for (int i = 0; i < 256; i++)
            {
                if ((_pending[i >> 6] >> (i & 63) & 1) != 0)
                {
                    return (byte)i;
                }
            }

            return null;
        }

        set
        {
            _pending = default;
            if (value is { } vector)
            {
                _pending[vector >> 6] = 1UL << (vector & 63);
            }
        }
    }
}
