namespace Hyperspan.Benchmarks.Kernels;

/// <summary>Reads the 256 descriptors of a virtqueue, one by one. Counts tables.</summary>
internal sealed unsafe class DescriptorTableKernel(bool raw) : Kernel
{
    private const int Entries = 256;

    private readonly GuestMemory _memory = Memories.Direct.Memory;
    private readonly nint _raw = Memories.Direct.Raw;

    public override int Count => 1;

    public override ulong Run() => raw ? RunRaw((Structures.Of16*)_raw) : Run(_memory);

    private static ulong Run(GuestMemory memory)
    {
        ulong sum = 0;
        for (ulong i = 0; i < Entries; i++)
        {
            sum += memory.Read<Structures.Of16>(i * 16).Sum;
        }

        return sum;
    }

    private static ulong RunRaw(Structures.Of16* table)
    {
        ulong sum = 0;
        for (int i = 0; i < Entries; i++)
        {
            sum += table[i].Sum;
        }

        return sum;
    }
}
