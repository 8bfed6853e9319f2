namespace Hyperspan.Dumps;

/// <summary>How a dump is laid out in its file.</summary>
public enum DumpFormat
{
    /// <summary>The byte at each offset of the file is the one at that guest-physical address.</summary>
    Raw,

    /// <summary>An ELF core file: a segment (PT_LOAD) for each region, with its physical address, and notes.</summary>
    Elf,

    /// <summary>The format of LiME: each region behind a header of 32 bytes.</summary>
    Lime,

    /// <summary>
    /// A compressed kdump as makedumpfile and <c>dump-guest-memory -z</c> of QEMU write it: pages each by itself, compressed by zlib or not at all. Flattened ones are read
    /// as well.
    /// </summary>
    Kdump,
}
