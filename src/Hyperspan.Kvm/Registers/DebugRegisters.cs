using System.Runtime.InteropServices;

namespace Hyperspan.Kvm;

/// <summary>The debug registers (<c>struct kvm_debugregs</c>).</summary>
[StructLayout(LayoutKind.Sequential, Size = 128)]
public record struct DebugRegisters
{
    /// <summary>Gets or sets DR0.</summary>
    public ulong Dr0 { get; set; }

    /// <summary>Gets or sets DR1.</summary>
    public ulong Dr1 { get; set; }

    /// <summary>Gets or sets DR2.</summary>
    public ulong Dr2 { get; set; }

    /// <summary>Gets or sets DR3.</summary>
    public ulong Dr3 { get; set; }

    /// <summary>Gets or sets DR6.</summary>
    public ulong Dr6 { get; set; }

    /// <summary>Gets or sets DR7.</summary>
    public ulong Dr7 { get; set; }

    /// <summary>Gets or sets the flags; none is defined.</summary>
    public ulong Flags { get; set; }
}
