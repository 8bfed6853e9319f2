using System.Runtime.InteropServices;

namespace Hyperspan.Kvm;

/// <summary>A segment register with what it holds of its descriptor (<c>struct kvm_segment</c>).</summary>
[StructLayout(LayoutKind.Sequential, Size = 24)]
public record struct SegmentRegister
{
    /// <summary>Gets or sets the linear address of its first byte.</summary>
    public ulong Base { get; set; }

    /// <summary>Gets or sets the largest offset in it, in bytes.</summary>
    public uint Limit { get; set; }

    /// <summary>Gets or sets the selector.</summary>
    public ushort Selector { get; set; }

    /// <summary>Gets or sets the four bits of the type: 11 for code that is executed and read, 3 for data that is read and written, 11 for a busy task.</summary>
    public byte Type { get; set; }

    /// <summary>Gets or sets a value indicating whether it is present.</summary>
    public bool IsPresent { get; set; }

    /// <summary>Gets or sets the privilege level of its descriptor, 0 to 3.</summary>
    public byte PrivilegeLevel { get; set; }

    /// <summary>Gets or sets the bit D/B: 32-bit operands where the segment is not one of 64-bit code.</summary>
    public bool IsDefault32 { get; set; }

    /// <summary>Gets or sets the bit S: code or data, not a system segment.</summary>
    public bool IsCodeOrData { get; set; }

    /// <summary>Gets or sets the bit L: 64-bit code.</summary>
    public bool IsLong { get; set; }

    /// <summary>Gets or sets the bit G: the limit of its descriptor counts pages.</summary>
    public bool IsPageGranular { get; set; }

    /// <summary>Gets or sets the bit AVL, which the processor leaves to the system.</summary>
    public bool IsAvailable { get; set; }

    /// <summary>Gets or sets a value indicating whether its use faults.</summary>
    public bool IsUnusable { get; set; }

    /// <summary>Makes a flat segment of 64-bit code.</summary>
    /// <param name="selector">The selector, whose two lowest bits are the privilege level.</param>
    /// <returns>The segment.</returns>
    public static SegmentRegister Code64(ushort selector) => new()
    {
        Limit = uint.MaxValue,
        Selector = selector,
        Type = 11,
        IsPresent = true,
        PrivilegeLevel = (byte)(selector & 3),
        IsCodeOrData = true,
        IsLong = true,
        IsPageGranular = true,
    };

    /// <summary>Makes a flat segment of data that is read and written.</summary>
    /// <param name="selector">The selector, whose two lowest bits are the privilege level.</param>
    /// <returns>The segment.</returns>
    public static SegmentRegister Data(ushort selector) => new()
    {
        Limit = uint.MaxValue,
        Selector = selector,
        Type = 3,
        IsPresent = true,
        PrivilegeLevel = (byte)(selector & 3),
        IsDefault32 = true,
        IsCodeOrData = true,
        IsPageGranular = true,
    };
}
