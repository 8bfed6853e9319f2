using System.Buffers.Binary;
using System.Globalization;

namespace Hyperspan.Kvm;

/// <summary>
/// The tables that tell a guest what the machine consists of (ACPI 6.5, chapter 5): of the reduced hardware kind, without the fixed devices of PCs. RSDP, XSDT, FADT, MADT,
/// DSDT.
/// </summary>
internal static class AcpiTables
{
    private const int HeaderLength = 36;
    private const int FixedLength = 276;

    private static ReadOnlySpan<byte> Maker => "HYPSPN"u8;

    /// <summary>Makes the tables, to be put at an address; the first, RSDP, is at the address itself.</summary>
    internal static byte[] Create(ulong address, int processors, IReadOnlyList<MmioDevicePlace> devices)
    {
        var image = new List<byte>(new byte[48]);
        ulong dsdt = Append(image, address, Table("DSDT"u8, 2, Describe(devices)));
        ulong fixedTable = Append(image, address, Fixed(dsdt));
        ulong interrupts = Append(image, address, Interrupts(processors));
        byte[] pointers = new byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(pointers, fixedTable);
        BinaryPrimitives.WriteUInt64LittleEndian(pointers.AsSpan(8), interrupts);
        ulong extended = Append(image, address, Table("XSDT"u8, 1, pointers));

        byte[] bytes = [.. image];
        Span<byte> root = bytes.AsSpan(0, 36);
        "RSD PTR "u8.CopyTo(root);
        Maker.CopyTo(root[9..]);
        root[15] = 2;
        BinaryPrimitives.WriteUInt32LittleEndian(root[20..], 36);
        BinaryPrimitives.WriteUInt64LittleEndian(root[24..], extended);
        root[8] = Checksum(root[..20]);
        root[32] = Checksum(root);
        return bytes;
    }

    /// <summary>What brings the sum of the bytes to zero.</summary>
    private static byte Checksum(ReadOnlySpan<byte> bytes)
    {
        byte sum = 0;
        foreach (byte value in bytes)
        {
            sum += value;
        }

        return (byte)-sum;
    }

    private static ulong Append(List<byte> image, ulong address, byte[] table)
    {
        ulong at = address + (ulong)image.Count;
        image.AddRange(table);
        image.AddRange(new byte[(16 - (image.Count % 16)) % 16]);
        return at;
    }

    private static byte[] Table(ReadOnlySpan<byte> signature, byte revision, ReadOnlySpan<byte> content)
    {
        byte[] table = new byte[HeaderLength + content.Length];
        signature.CopyTo(table);
        BinaryPrimitives.WriteInt32LittleEndian(table.AsSpan(4), table.Length);
        table[8] = revision;
        Maker.CopyTo(table.AsSpan(10));
        "MACHINE "u8.CopyTo(table.AsSpan(16));
        table[24] = 1;
        "HYPS"u8.CopyTo(table.AsSpan(28));
        table[32] = 1;
        content.CopyTo(table.AsSpan(HeaderLength));
        table[9] = Checksum(table);
        return table;
    }

    /// <summary>FADT (section 5.2.9).</summary>
    private static byte[] Fixed(ulong dsdt)
    {
        // WBINVD; buttons that are devices; reset register; reduced hardware.
        const uint Flags = 1 | (1 << 4) | (1 << 5) | (1 << 10) | (1 << 20);

        // No VGA, no real-time clock.
        const ushort Absent = (1 << 2) | (1 << 5);
        byte[] table = new byte[FixedLength - HeaderLength];
        Span<byte> at = table;
        BinaryPrimitives.WriteUInt16LittleEndian(at[(109 - HeaderLength)..], Absent);
        BinaryPrimitives.WriteUInt32LittleEndian(at[(112 - HeaderLength)..], Flags);
        Register(at[(116 - HeaderLength)..], PowerPorts.Reset);
        at[128 - HeaderLength] = PowerPorts.ResetValue;
        at[131 - HeaderLength] = 5;
        BinaryPrimitives.WriteUInt64LittleEndian(at[(140 - HeaderLength)..], dsdt);
        Register(at[(244 - HeaderLength)..], PowerPorts.SleepControl);
        Register(at[(256 - HeaderLength)..], PowerPorts.SleepStatus);
        return Table("FACP"u8, 6, table);
    }

    /// <summary>A generic address: a port of one byte (section 5.2.3.2).</summary>
    private static void Register(Span<byte> at, ushort port)
    {
        at[0] = 1;
        at[1] = 8;
        at[3] = 1;
        BinaryPrimitives.WriteUInt64LittleEndian(at[4..], port);
    }

    /// <summary>MADT: the local APICs and the I/O APIC (section 5.2.12).</summary>
    private static byte[] Interrupts(int processors)
    {
        var content = new List<byte>();
        content.AddRange(BitConverter.GetBytes(0xfee0_0000u));
        content.AddRange(BitConverter.GetBytes(0u));
        for (int i = 0; i < processors; i++)
        {
            content.AddRange([0, 8, (byte)i, (byte)i, 1, 0, 0, 0]);
        }

        content.AddRange([1, 12, 0, 0]);
        content.AddRange(BitConverter.GetBytes(0xfec0_0000u));
        content.AddRange(BitConverter.GetBytes(0u));
        return Table("APIC"u8, 5, [.. content]);
    }

    /// <summary>The definition block: serial port, power button, and a node for each device behind virtio-mmio.</summary>
    private static byte[] Describe(IReadOnlyList<MmioDevicePlace> devices)
    {
        var terms = new List<byte[]>
        {
            Aml.Device(
                "COM1",
                Aml.Name("_HID", Aml.EisaId("PNP0501")),
                Aml.Name("_UID", Aml.Integer(0)),
                Aml.Name("_CRS", Aml.Resources(Aml.Ports(SerialPort.FirstPort, SerialPort.PortCount), Aml.Interrupt(SerialPort.Line)))),
            Aml.Device("PWRB", Aml.Name("_HID", Aml.EisaId("PNP0C0C")), Aml.Name("_UID", Aml.Integer(0))),
            Aml.Device(
                "GED_",
                Aml.Name("_HID", Aml.Text("ACPI0013")),
                Aml.Name("_UID", Aml.Integer(0)),
                Aml.Name("_CRS", Aml.Resources(Aml.Interrupt(PowerPorts.ButtonLine))),
                Aml.Method("_EVT", 1, Aml.Notify("\\_SB.PWRB", 0x80))),
        };
        for (int i = 0; i < devices.Count; i++)
        {
            terms.Add(Aml.Device(
                string.Create(CultureInfo.InvariantCulture, $"VR{i:X2}"),
                Aml.Name("_HID", Aml.Text("LNRO0005")),
                Aml.Name("_UID", Aml.Integer((uint)i)),
                Aml.Name("_CCA", Aml.Integer(1)),
                Aml.Name("_CRS", Aml.Resources(Aml.Memory((uint)devices[i].Address, MmioDevicePlace.Length), Aml.Interrupt(devices[i].Line)))));
        }

        return
        [
            .. Aml.Scope("\\_SB", terms),
            .. Aml.Name("\\_S5", Aml.Package(Aml.Integer(PowerPorts.SoftOff), Aml.Integer(0), Aml.Integer(0), Aml.Integer(0))),
        ];
    }
}
