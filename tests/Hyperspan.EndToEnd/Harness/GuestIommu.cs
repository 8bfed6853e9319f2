using System.Globalization;
using System.Text.Json.Nodes;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.EndToEnd.Harness;

/// <summary>The tables of a guest's IOMMU (Intel VT-d, second level, legacy mode), in the memory that QEMU shares. For what lies below 2 GiB.</summary>
internal sealed class GuestIommu : IDisposable
{
    private const ulong AddressMask = 0x000f_ffff_ffff_f000;
    private const int RootTableRegister = 0x20;
    private const ulong Registers = 0xfed9_0000;

    private readonly SafeFileHandle _memory;
    private readonly ulong _table;
    private readonly int _levels;

    private GuestIommu(SafeFileHandle memory, ulong table, int levels)
    {
        _memory = memory;
        _table = table;
        _levels = levels;
    }

    /// <summary>Finds the tables of a device by its address, <c>0000:00:03.0</c>.</summary>
    internal static async Task<GuestIommu> OpenAsync(GuestMachine machine, string address)
    {
        string descriptor = Directory.GetFiles(string.Create(CultureInfo.InvariantCulture, $"/proc/{machine.ProcessId}/fd"))
            .First(path => new FileInfo(path).LinkTarget?.Contains("memory-backend-memfd", StringComparison.Ordinal) == true);
        SafeFileHandle memory = File.OpenHandle(descriptor, FileMode.Open, FileAccess.ReadWrite);
        QmpClient monitor = await machine.MonitorAsync();
        string answer = (string)(await monitor.ExecuteAsync(
            "human-monitor-command",
            new JsonObject { ["command-line"] = string.Create(CultureInfo.InvariantCulture, $"xp /1gx 0x{Registers + RootTableRegister:x}") }))!;
        ulong root = ulong.Parse(answer[(answer.LastIndexOf("0x", StringComparison.Ordinal) + 2)..].Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture) & AddressMask;
        string[] parts = address.Split(':', '.');
        ulong[] numbers = [.. parts.Select(part => ulong.Parse(part, NumberStyles.HexNumber, CultureInfo.InvariantCulture))];
        ulong contexts = Read(memory, root + (16 * numbers[1])) & AddressMask;
        ulong context = contexts + (16 * ((8 * numbers[2]) + numbers[3]));
        return new GuestIommu(memory, Read(memory, context) & AddressMask, 2 + (int)(Read(memory, context + 8) & 7));
    }

    /// <summary>Lists what is mapped, a page an entry.</summary>
    /// <returns>Where the entry lies, and what it says.</returns>
    internal Dictionary<ulong, ulong> Entries()
    {
        var entries = new Dictionary<ulong, ulong>();
        Walk(_table, _levels, entries);
        return entries;
    }

    /// <summary>Takes a page away, behind the guest's back.</summary>
    internal void Clear(ulong entry) => RandomAccess.Write(_memory, new byte[sizeof(ulong)], (long)entry);

    public void Dispose() => _memory.Dispose();

    private void Walk(ulong table, int level, Dictionary<ulong, ulong> entries)
    {
        byte[] page = new byte[4096];
        RandomAccess.Read(_memory, page, (long)table);
        for (int i = 0; i < page.Length; i += sizeof(ulong))
        {
            ulong entry = BitConverter.ToUInt64(page, i);
            if ((entry & 3) == 0)
            {
                continue;
            }

            if (level == 1)
            {
                entries.Add(table + (ulong)i, entry);
            }
            else
            {
                Walk(entry & AddressMask, level - 1, entries);
            }
        }
    }

    private static ulong Read(SafeFileHandle memory, ulong address)
    {
        byte[] bytes = new byte[sizeof(ulong)];
        RandomAccess.Read(memory, bytes, (long)address);
        return BitConverter.ToUInt64(bytes);
    }
}
