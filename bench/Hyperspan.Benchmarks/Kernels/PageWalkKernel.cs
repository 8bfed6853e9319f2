namespace Hyperspan.Benchmarks.Kernels;

/// <summary>Walks page tables of four levels: each entry says where the next table is. Counts walks.</summary>
internal sealed unsafe class PageWalkKernel : Kernel
{
    private const int Walks = 128;
    private const ulong Tables = 64;

    private readonly bool _isRaw;
    private readonly HeapBacking _heap = new(Tables << 12);
    private readonly GuestMemory _memory;
    private ulong _address;

    internal PageWalkKernel(bool raw)
    {
        _isRaw = raw;
        _memory = new GuestMemory(_heap, "tables");
        for (ulong i = 0; i < Tables * 512; i++)
        {
            _memory.Write(i * 8, (i * 0x9e3779b1 % Tables) << 12 | 1);
        }
    }

    public override int Count => Walks;

    public override ulong Run()
    {
        ulong sum = 0;
        for (int i = 0; i < Walks; i++)
        {
            _address += 0x0000_4321_9876_5000;
            sum += _isRaw ? WalkRaw((byte*)_heap.Mapping, _address) : Walk(_memory, _address);
        }

        return sum;
    }

    public override void Dispose()
    {
        _memory.Dispose();
        base.Dispose();
    }

    private static ulong Walk(GuestMemory memory, ulong address)
    {
        ulong table = 0;
        for (int shift = 39; shift >= 12; shift -= 9)
        {
            table = memory.ReadUInt64LittleEndian(table + (((address >> shift) & 511) * 8)) & ~0xfffUL;
        }

        return table;
    }

    private static ulong WalkRaw(byte* memory, ulong address)
    {
        ulong table = 0;
        for (int shift = 39; shift >= 12; shift -= 9)
        {
            table = Volatile.Read(ref *(ulong*)(memory + table + (((address >> shift) & 511) * 8))) & ~0xfffUL;
        }

        return table;
    }
}
