using static Iced.Intel.AssemblerRegisters;

namespace Hyperspan.Stubs;

internal sealed partial class StubProgram
{
    // So that each stub under a bit lies as far from the one by a translation as any other: which family is called is one number.
    private const int SequenceAlignment = 128;

    /// <summary>The restartable sequences, in the order of their descriptors.</summary>
    public static IReadOnlyList<string> SequenceNames { get; } =
    [
        .. ScalarSizes.Select(x => $"load{x}"), .. ScalarSizes.Select(x => $"store{x}"), .. ScalarSizes.Select(x => $"cas{x}"),
        .. ScalarSizes.Select(x => $"tlb_load{x}"), .. ScalarSizes.Select(x => $"tlb_store{x}"), .. ScalarSizes.Select(x => $"tlb_cas{x}"),
        .. CopySequences(""), .. CopySequences("tlb_"), .. WideSequences(""), .. WideSequences("tlb_"),
    ];

    private void EmitBitChecked()
    {
        // Shared by everything in this section.
        Mark("bit_clear", 16);
        _a.xor(eax, eax);
        _a.mov(edx, StatusBitClear);
        _a.ret();
        Mark("not_restartable");
        _a.xor(eax, eax);
        _a.mov(edx, StatusNotRestartable);
        _a.ret();

        foreach (var size in ScalarSizes)
        {
            EmitBitCheckedLoad(size);
        }

        foreach (var size in ScalarSizes)
        {
            EmitBitCheckedStore(size);
        }

        foreach (var size in ScalarSizes)
        {
            EmitBitCheckedCompareExchange(size);
        }
    }

    /// <summary>p: rdi, bitmap: rsi, bit: rdx.</summary>
    private void EmitBitCheckedLoad(int size)
    {
        Mark($"bit_load{size}", SequenceAlignment);
        _a.mov(rcx, rdx);
        _a.shr(rcx, 3);
        _a.and(edx, 7);
        EmitSequenceStart($"load{size}");
        _a.movzx(eax, __byte_ptr[rsi + rcx]);
        _a.bt(eax, edx);
        _a.jae(L("bit_clear"));
        EmitLoad(size, __[rdi]);
        Mark($"committed_load{size}");
        Succeed();
        EmitSequenceAbort($"load{size}");
    }

    /// <summary>p: rdi, value: rsi, bitmap: rdx, bit: rcx.</summary>
    private void EmitBitCheckedStore(int size)
    {
        Mark($"bit_store{size}", SequenceAlignment);
        _a.mov(r8, rcx);
        _a.shr(r8, 3);
        _a.and(ecx, 7);
        EmitSequenceStart($"store{size}");
        _a.movzx(eax, __byte_ptr[rdx + r8]);
        _a.bt(eax, ecx);
        _a.jae(L("bit_clear"));
        EmitStore(size, __[rdi]);
        Mark($"committed_store{size}");
        SucceedWithZero();
        EmitSequenceAbort($"store{size}");
    }

    /// <summary>p: rdi, comparand: rsi, value: rdx, bitmap: rcx, bit: r8.</summary>
    private void EmitBitCheckedCompareExchange(int size)
    {
        Mark($"bit_cas{size}", SequenceAlignment);
        _a.mov(r11, r8);
        _a.shr(r11, 3);
        _a.and(r8d, 7);
        EmitComparand(size);
        EmitSequenceStart($"cas{size}");
        _a.movzx(esi, __byte_ptr[rcx + r11]);
        _a.bt(esi, r8d);
        _a.jae(L("bit_clear"));
        EmitCompareExchange(size, __[rdi]);
        Mark($"committed_cas{size}");
        Succeed();
        EmitSequenceAbort($"cas{size}");
    }

    /// <summary>
    /// Arms a restartable sequence: its descriptor goes into the thread's area, which lies at a fixed distance from the thread
    /// pointer. If the thread is preempted, migrated or interrupted by a signal between here and the commit, the kernel continues
    /// it at the abort handler. The sequence is over with its last instruction, whether or not the descriptor is still in the
    /// area; the kernel removes it when it finds it stale. Uses r9 and r10, which the sequence has to leave alone like every
    /// register it needs again after an abort.
    /// </summary>
    private void EmitSequenceStart(string name)
    {
        EmitArea();
        _a.lea(r10, __[L("sequence_" + name)]);
        Mark("arm_" + name);
        _a.mov(__qword_ptr.fs[r9 + LinuxAbi.RseqDescriptorOffset], r10);
        Mark("start_" + name);
    }

    /// <summary>Leaves in r9 how far the thread's area lies from the thread pointer.</summary>
    private void EmitArea()
    {
        _a.mov(r9, __qword_ptr[L("restartable_area")]);

        // A thread that could not be registered has a negative processor number, and nobody would restart it.
        _a.cmp(__dword_ptr.fs[r9 + LinuxAbi.RseqCpuIdOffset], 0);
        _a.jl(L("not_restartable"));
    }

    /// <summary>
    /// The abort handler, behind the signature it is recognized by, which is the operand of an instruction that is never run.
    /// </summary>
    private void EmitSequenceAbort(string name)
    {
        byte[] signature = BitConverter.GetBytes(LinuxAbi.RSEQ_SIG);
        _a.db([0x0F, 0xB9, 0x3D, .. signature]);
        Mark("abort_" + name);
        _a.jmp(L("arm_" + name));
    }

    /// <summary>
    /// struct rseq_cs of each sequence. The addresses are offsets here; the installer adds where the image lies.
    /// </summary>
    private void EmitSequences()
    {
        foreach (var name in SequenceNames)
        {
            Mark("sequence_" + name, 32);
            var start = _offsets.GetValueOrDefault("start_" + name);
            _a.dq(0UL);
            _a.dq((ulong)start);
            _a.dq((ulong)(_offsets.GetValueOrDefault("committed_" + name) - start));
            _a.dq((ulong)_offsets.GetValueOrDefault("abort_" + name));
        }
    }
}
