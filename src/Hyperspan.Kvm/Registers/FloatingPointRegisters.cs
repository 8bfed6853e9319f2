using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hyperspan.Kvm;

/// <summary>The registers of x87 and SSE (<c>struct kvm_fpu</c>); <see cref="VirtualProcessor.GetExtendedState"/> has all vector registers.</summary>
/// <remarks>Packed: numbers of 128 bits would be aligned to 16 bytes, the kernel's arrays of bytes are not.</remarks>
[StructLayout(LayoutKind.Sequential, Pack = 8, Size = 416)]
public struct FloatingPointRegisters
{
    /// <summary>The eight registers ST(0) to ST(7), 10 bytes in the lower end of each.</summary>
    public InlineArray8<UInt128> St;

    /// <summary>Gets or sets the control word.</summary>
    public ushort ControlWord { get; set; }

    /// <summary>Gets or sets the status word.</summary>
    public ushort StatusWord { get; set; }

    /// <summary>Gets or sets the tag word, abridged as FXSAVE has it.</summary>
    public ushort TagWord { get; set; }

    /// <summary>Gets or sets the last opcode.</summary>
    public ushort LastOpcode { get; set; }

    /// <summary>Gets or sets the address of the last instruction.</summary>
    public ulong LastInstruction { get; set; }

    /// <summary>Gets or sets the address of the last operand.</summary>
    public ulong LastData { get; set; }

    /// <summary>The sixteen registers XMM0 to XMM15.</summary>
    public InlineArray16<UInt128> Xmm;

    /// <summary>Gets or sets MXCSR.</summary>
    public uint Mxcsr { get; set; }
}
