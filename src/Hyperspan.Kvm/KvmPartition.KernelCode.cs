namespace Hyperspan.Kvm;

/// <content>Whether guests have kernels.</content>
public sealed unsafe partial class KvmPartition
{
    // Behind the processor's tables.
    private const ulong KernelCode = 0x1_0000;

    // pxor xmm0, xmm0; hlt. A processor has the first in every ring, KVM's interpreter in none.
    private static ReadOnlySpan<byte> KernelCodeBytes => [0x66, 0x0f, 0xef, 0xc0, 0xf4];

    /// <summary>
    /// Tells why the kernel of a guest cannot run here, though a partition may be made: some hypervisors interpret what a guest executes in ring 0, a million instructions
    /// a second, and know only some of them. Programs in ring 3 run on the processor all the same. Each time it is tried, which takes some milliseconds.
    /// </summary>
    /// <returns>The reason, in a sentence, that of <see cref="WhyNot"/> where there is one; <see langword="null"/> where kernels run.</returns>
    public static string? WhyNoKernels()
    {
        try
        {
            using var memory = new GuestMemory(new SharedBacking(2 * KernelCode), "probe");
            BootLoader.WriteProcessorTables(memory);
            memory.Write(KernelCode, KernelCodeBytes);
            using var partition = new KvmPartition(memory, new KvmPartitionOptions { Unclaimed = UnclaimedAccess.Stop });
            VirtualProcessor processor = partition.CreateProcessor();
            processor.SetCpuid(partition.GetSupportedCpuid());
            BootLoader.StartInLongMode(processor, KernelCode, vectors: true);
            KvmExit exit = processor.Run();
            return exit.Kind == KvmExitKind.Halt ? null : $"/dev/kvm interprets what runs in ring 0, and lacks instructions of kernels: {exit}";
        }
        catch (Exception e) when (e is KvmException or PlatformNotSupportedException or GuestMemoryMappingException)
        {
            return e.Message;
        }
    }
}
