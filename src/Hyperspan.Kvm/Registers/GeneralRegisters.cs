using System.Runtime.InteropServices;

namespace Hyperspan.Kvm;

/// <summary>The general registers, the instruction pointer and the flags (<c>struct kvm_regs</c>).</summary>
[StructLayout(LayoutKind.Sequential)]
public record struct GeneralRegisters
{
    /// <summary>Gets or sets RAX.</summary>
    public ulong Rax { get; set; }

    /// <summary>Gets or sets RBX.</summary>
    public ulong Rbx { get; set; }

    /// <summary>Gets or sets RCX.</summary>
    public ulong Rcx { get; set; }

    /// <summary>Gets or sets RDX.</summary>
    public ulong Rdx { get; set; }

    /// <summary>Gets or sets RSI.</summary>
    public ulong Rsi { get; set; }

    /// <summary>Gets or sets RDI.</summary>
    public ulong Rdi { get; set; }

    /// <summary>Gets or sets RSP.</summary>
    public ulong Rsp { get; set; }

    /// <summary>Gets or sets RBP.</summary>
    public ulong Rbp { get; set; }

    /// <summary>Gets or sets R8.</summary>
    public ulong R8 { get; set; }

    /// <summary>Gets or sets R9.</summary>
    public ulong R9 { get; set; }

    /// <summary>Gets or sets R10.</summary>
    public ulong R10 { get; set; }

    /// <summary>Gets or sets R11.</summary>
    public ulong R11 { get; set; }

    /// <summary>Gets or sets R12.</summary>
    public ulong R12 { get; set; }

    /// <summary>Gets or sets R13.</summary>
    public ulong R13 { get; set; }

    /// <summary>Gets or sets R14.</summary>
    public ulong R14 { get; set; }

    /// <summary>Gets or sets R15.</summary>
    public ulong R15 { get; set; }

    /// <summary>Gets or sets RIP.</summary>
    public ulong Rip { get; set; }

    /// <summary>Gets or sets RFLAGS; bit 1 is always set.</summary>
    public ulong Rflags { get; set; }
}
