using System.Collections;
using System.Diagnostics;
using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Kvm;

/// <summary>What CPUID answers on a processor. Changed before it is set, by one thread at a time.</summary>
[DebuggerDisplay("{Count} answers")]
public sealed unsafe class CpuidTable : IReadOnlyList<CpuidEntry>
{
    internal const int HeaderLength = 8;
    private const int MostEntries = 1024;

    private readonly List<CpuidEntry> _entries;

    /// <summary>Initializes a new instance of the <see cref="CpuidTable"/> class.</summary>
    /// <param name="entries">The answers.</param>
    public CpuidTable(IEnumerable<CpuidEntry> entries)
    {
        ArgumentNullException.ThrowIfNull(entries);
        _entries = [.. entries];
    }

    /// <inheritdoc/>
    public int Count => _entries.Count;

    /// <inheritdoc/>
    public CpuidEntry this[int index] => _entries[index];

    /// <summary>Finds an answer.</summary>
    /// <param name="function">The leaf.</param>
    /// <param name="index">The subleaf, where it matters.</param>
    /// <param name="entry">The answer; all zeros where there is none.</param>
    /// <returns>Whether there is one.</returns>
    public bool TryFind(uint function, uint index, out CpuidEntry entry)
    {
        int at = Find(function, index);
        entry = at < 0 ? default : _entries[at];
        return at >= 0;
    }

    /// <summary>Changes an answer, or adds it where there is none.</summary>
    /// <param name="entry">The answer.</param>
    public void Set(CpuidEntry entry)
    {
        int at = Find(entry.Function, entry.Index);
        if (at < 0)
        {
            _entries.Add(entry);
        }
        else
        {
            _entries[at] = entry;
        }
    }

    /// <summary>Removes all answers of a leaf.</summary>
    /// <param name="function">The leaf.</param>
    public void Remove(uint function) => _entries.RemoveAll(entry => entry.Function == function);

    /// <summary>Makes the table of one processor of a machine: its APIC id, and a topology of one package with as many cores, each of one thread.</summary>
    /// <param name="apicId">The processor's APIC id.</param>
    /// <param name="processors">The number of processors of the machine.</param>
    /// <returns>A new table. It says that there is a hypervisor.</returns>
    public CpuidTable ForProcessor(uint apicId, int processors)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(processors);
        var table = new CpuidTable(_entries);
        int bits = processors == 1 ? 0 : int.Log2(processors - 1) + 1;
        for (int i = 0; i < table._entries.Count; i++)
        {
            CpuidEntry entry = table._entries[i];
            switch (entry.Function)
            {
                case 1:
                    // Initial APIC id, processors of the package; HTT where there are several; under a hypervisor.
                    entry.Ebx = (entry.Ebx & 0x0000_ffff) | ((uint)Math.Min(processors, 255) << 16) | (apicId << 24);
                    entry.Edx = processors > 1 ? entry.Edx | (1u << 28) : entry.Edx & ~(1u << 28);
                    entry.Ecx |= 1u << 31;
                    break;
                case 4:
                    // Intel: cores of the package, and that no cache below the last is shared.
                    entry.Eax = (entry.Eax & 0x3fff) | ((uint)Math.Min(processors - 1, 63) << 26) | ((entry.Eax >> 5 & 7) >= 3 ? (uint)Math.Min(processors - 1, 4095) << 14 : 0);
                    break;
                case 0x8000_0008:
                    // AMD: cores of the package, and the bits of the APIC id that number them.
                    entry.Ecx = (entry.Ecx & ~0xf0ffu) | ((uint)bits << 12) | (uint)Math.Min(processors - 1, 255);
                    break;
                case 0x8000_001e:
                    entry.Eax = apicId;
                    entry.Ebx = (entry.Ebx & ~0xffffu) | (apicId & 0xff);
                    entry.Ecx &= ~0x7ffu;
                    break;
            }

            table._entries[i] = entry;
        }

        foreach (uint leaf in (uint[])[0xb, 0x1f])
        {
            if (table.TryFind(leaf, 0, out _))
            {
                table.Remove(leaf);
                table.Set(Topology(leaf, 0, shift: 0, count: 1, type: 1, apicId));
                table.Set(Topology(leaf, 1, (uint)bits, (uint)processors, type: 2, apicId));
                table.Set(Topology(leaf, 2, shift: 0, count: 0, type: 0, apicId));
            }
        }

        return table;
    }

    /// <inheritdoc/>
    public IEnumerator<CpuidEntry> GetEnumerator() => _entries.GetEnumerator();

    /// <inheritdoc/>
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    internal static CpuidTable Supported(SafeFileHandle device)
    {
        // E2BIG says that there are more.
        for (int most = 128; ; most *= 2)
        {
            byte[] buffer = new byte[HeaderLength + (most * sizeof(CpuidEntry))];
            fixed (byte* at = buffer)
            {
                *(int*)at = most;
                try
                {
                    KvmCall.Invoke(device, KvmRequest.GetSupportedCpuid, at, "KVM_GET_SUPPORTED_CPUID");
                }
                catch (KvmException) when (most < MostEntries)
                {
                    continue;
                }

                int count = Math.Min(*(int*)at, most);
                return new CpuidTable(MemoryMarshal.Cast<byte, CpuidEntry>(buffer.AsSpan(HeaderLength))[..count].ToArray());
            }
        }
    }

    internal byte[] ToKernel()
    {
        byte[] buffer = new byte[HeaderLength + (_entries.Count * sizeof(CpuidEntry))];
        MemoryMarshal.Write(buffer, _entries.Count);
        CollectionsMarshal.AsSpan(_entries).CopyTo(MemoryMarshal.Cast<byte, CpuidEntry>(buffer.AsSpan(HeaderLength)));
        return buffer;
    }

    private static CpuidEntry Topology(uint leaf, uint level, uint shift, uint count, uint type, uint apicId) => new()
    {
        Function = leaf,
        Index = level,
        Flags = CpuidEntry.SignificantIndex,
        Eax = shift,
        Ebx = count,
        Ecx = level | (type << 8),
        Edx = apicId,
    };

    private int Find(uint function, uint index) => _entries.FindIndex(
        entry => entry.Function == function && ((entry.Flags & CpuidEntry.SignificantIndex) == 0 || entry.Index == index));
}
