using System.Runtime.InteropServices;

namespace Hyperspan.Kvm;

/// <summary>What CPUID answers to one question (<c>struct kvm_cpuid_entry2</c>).</summary>
[StructLayout(LayoutKind.Sequential, Size = 40)]
public record struct CpuidEntry
{
    internal const uint SignificantIndex = 1;

    /// <summary>Gets or sets the leaf: EAX of the question.</summary>
    public uint Function { get; set; }

    /// <summary>Gets or sets the subleaf: ECX of the question, where <see cref="Flags"/> says that it matters.</summary>
    public uint Index { get; set; }

    /// <summary>Gets or sets the flags: bit 0 where the subleaf matters.</summary>
    public uint Flags { get; set; }

    /// <summary>Gets or sets EAX of the answer.</summary>
    public uint Eax { get; set; }

    /// <summary>Gets or sets EBX of the answer.</summary>
    public uint Ebx { get; set; }

    /// <summary>Gets or sets ECX of the answer.</summary>
    public uint Ecx { get; set; }

    /// <summary>Gets or sets EDX of the answer.</summary>
    public uint Edx { get; set; }
}
