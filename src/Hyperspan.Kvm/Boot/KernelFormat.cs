namespace Hyperspan.Kvm;

/// <summary>How a program is started on a machine.</summary>
public enum KernelFormat
{
    /// <summary>A Linux kernel as it is installed, by its 64-bit boot protocol.</summary>
    LinuxImage,

    /// <summary>An ELF file with a note that says where it begins in 32-bit mode (PVH).</summary>
    PvhElf,

    /// <summary>A 64-bit ELF file: begins at its entry in long mode.</summary>
    Elf,

    /// <summary>Bytes that begin with their first instruction, at 0x100000 in long mode.</summary>
    Flat,
}
