using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hyperspan.Kvm;

/// <summary>Segments, descriptor tables and control registers (<c>struct kvm_sregs</c>).</summary>
[StructLayout(LayoutKind.Sequential)]
public struct SpecialRegisters
{
    /// <summary>Gets or sets CS.</summary>
    public SegmentRegister Cs { get; set; }

    /// <summary>Gets or sets DS.</summary>
    public SegmentRegister Ds { get; set; }

    /// <summary>Gets or sets ES.</summary>
    public SegmentRegister Es { get; set; }

    /// <summary>Gets or sets FS.</summary>
    public SegmentRegister Fs { get; set; }

    /// <summary>Gets or sets GS.</summary>
    public SegmentRegister Gs { get; set; }

    /// <summary>Gets or sets SS.</summary>
    public SegmentRegister Ss { get; set; }

    /// <summary>Gets or sets TR.</summary>
    public SegmentRegister Tr { get; set; }

    /// <summary>Gets or sets LDTR.</summary>
    public SegmentRegister Ldt { get; set; }

    /// <summary>Gets or sets GDTR.</summary>
    public DescriptorTableRegister Gdt { get; set; }

    /// <summary>Gets or sets IDTR.</summary>
    public DescriptorTableRegister Idt { get; set; }

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

    private PendingInterrupts _pending;

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

    [InlineArray(4)]
    private struct PendingInterrupts
    {
        private ulong _first;
    }
}
