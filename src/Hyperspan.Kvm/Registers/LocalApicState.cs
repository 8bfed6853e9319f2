using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hyperspan.Kvm;

/// <summary>The registers of a local APIC, as they lie in its page (<c>struct kvm_lapic_state</c>).</summary>
[InlineArray(Length)]
public struct LocalApicState
{
    /// <summary>The length in bytes.</summary>
    public const int Length = 1024;

    private byte _first;

    /// <summary>Reads a register.</summary>
    /// <param name="offset">Its offset in the page, a multiple of 16 below 1024: 0x20 for the id, 0x350 for LINT0.</param>
    /// <returns>Its value.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no register at that offset.</exception>
    public readonly uint Read(int offset) => BinaryPrimitives.ReadUInt32LittleEndian(MemoryMarshal.CreateReadOnlySpan(in _first, Length).Slice(Check(offset), sizeof(uint)));

    /// <summary>Writes a register.</summary>
    /// <param name="offset">Its offset in the page, a multiple of 16 below 1024.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no register at that offset.</exception>
    public void Write(int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(MemoryMarshal.CreateSpan(ref _first, Length).Slice(Check(offset), sizeof(uint)), value);

    private static int Check(int offset) =>
        offset is >= 0 and < Length && offset % 16 == 0 ? offset : throw new ArgumentOutOfRangeException(nameof(offset), offset, "A register lies at a multiple of 16 below 1024.");
}
