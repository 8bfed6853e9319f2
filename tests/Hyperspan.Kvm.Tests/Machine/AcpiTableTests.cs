using System.Buffers.Binary;
using System.Text;

namespace Hyperspan.Kvm.Tests.Machine;

/// <summary>The tables, walked as a guest walks them. Needs no KVM.</summary>
public sealed class AcpiTableTests
{
    private const ulong Base = 0xe_0000;

    [Fact]
    public void Every_table_is_reached_and_sums_to_zero()
    {
        byte[] image = AcpiTables.Create(Base, 3, [new MmioDevicePlace(0xd000_0000, 5), new MmioDevicePlace(0xd000_1000, 6)]);
        Encoding.ASCII.GetString(image, 0, 8).ShouldBe("RSD PTR ");
        Sum(image.AsSpan(0, 20)).ShouldBe((byte)0);
        Sum(image.AsSpan(0, 36)).ShouldBe((byte)0);
        Span<byte> extended = Table(image, BinaryPrimitives.ReadUInt64LittleEndian(image.AsSpan(24)), "XSDT");
        Span<byte> fixedTable = Table(image, BinaryPrimitives.ReadUInt64LittleEndian(extended[36..]), "FACP");
        fixedTable.Length.ShouldBe(276);
        (BinaryPrimitives.ReadUInt32LittleEndian(fixedTable[112..]) >> 20 & 1).ShouldBe(1u, "reduced hardware");
        BinaryPrimitives.ReadUInt64LittleEndian(fixedTable[(244 + 4)..]).ShouldBe(0x600UL);
        Span<byte> definitions = Table(image, BinaryPrimitives.ReadUInt64LittleEndian(fixedTable[140..]), "DSDT");
        definitions.IndexOf("LNRO0005"u8).ShouldBeGreaterThan(0);
        definitions.IndexOf("VR01"u8).ShouldBeGreaterThan(0);
        definitions.IndexOf((ReadOnlySpan<byte>)[0x0c, 0x41, 0xd0, 0x05, 0x01]).ShouldBeGreaterThan(0, "PNP0501");
        Span<byte> interrupts = Table(image, BinaryPrimitives.ReadUInt64LittleEndian(extended[44..]), "APIC");
        interrupts.Length.ShouldBe(44 + (3 * 8) + 12);
    }

    [Theory]
    [InlineData(10, 1)]
    [InlineData(62, 1)]
    [InlineData(63, 2)]
    [InlineData(4000, 2)]
    [InlineData(5000, 3)]
    public void Lengths_count_themselves(int content, int prefix)
    {
        byte[] scope = Aml.Scope("\\_SB", Enumerable.Repeat(new byte[] { 0xa3 }, content - 5));
        int lead = scope[1];
        int more = lead >> 6;
        more.ShouldBe(prefix - 1);
        int length = more == 0 ? lead : lead & 15;
        for (int i = 0; i < more; i++)
        {
            length |= scope[2 + i] << (4 + (8 * i));
        }

        length.ShouldBe(scope.Length - 1);
        length.ShouldBe(content + prefix);
    }

    private static Span<byte> Table(byte[] image, ulong address, string signature)
    {
        Span<byte> at = image.AsSpan((int)(address - Base));
        Encoding.ASCII.GetString(at[..4]).ShouldBe(signature);
        Span<byte> table = at[..BinaryPrimitives.ReadInt32LittleEndian(at[4..])];
        Sum(table).ShouldBe((byte)0, signature);
        return table;
    }

    private static byte Sum(ReadOnlySpan<byte> bytes)
    {
        byte sum = 0;
        foreach (byte value in bytes)
        {
            sum += value;
        }

        return sum;
    }
}
