using System.Diagnostics;

namespace Hyperspan.Dumps;

/// <summary>What a dump is written as, and with what beside the memory.</summary>
[DebuggerDisplay("{Format}, {Processors.Count} processors")]
public sealed class DumpOptions
{
    /// <summary>Gets the format.</summary>
    public DumpFormat Format { get; init; } = DumpFormat.Elf;

    /// <summary>
    /// Gets a value indicating whether pages that are zero are left out of the list of what there is, so that a reader fails there instead of reading zero. They take no room on
    /// the disk in either case, where the file system has holes. Of no effect on <see cref="DumpFormat.Raw"/>.
    /// </summary>
    public bool SkipZero { get; init; }

    /// <summary>Gets the registers of the processors, for a note each (NT_PRSTATUS) of an ELF core file or a kdump.</summary>
    /// <exception cref="ArgumentNullException">It is <see langword="null"/>.</exception>
    public IReadOnlyList<X64Registers> Processors { get; init => field = value ?? throw new ArgumentNullException(nameof(value)); } = [];

    /// <summary>
    /// Gets what a Linux kernel says about itself, as text (<c>OSRELEASE=…</c>), for the note VMCOREINFO of an ELF core file or a kdump.
    /// <see langword="null"/> looks for the kernel's own note in the memory.
    /// </summary>
    public ReadOnlyMemory<byte>? VmCoreInfo { get; init; }

    /// <summary>Gets further notes of an ELF core file or a kdump as they are in the file, headers included; those of a dump that is converted are taken over.</summary>
    public ReadOnlyMemory<byte> Notes { get; init; }

    /// <summary>Gets the machine of an ELF core file or a kdump, as ELF numbers it: 62 for x86-64, 183 for AArch64.</summary>
    public ushort Machine { get; init; } = ElfFormat.X64;
}
