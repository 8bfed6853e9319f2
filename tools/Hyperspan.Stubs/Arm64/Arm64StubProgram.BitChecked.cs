namespace Hyperspan.Stubs.Arm64;

internal sealed partial class Arm64StubProgram
{
    // So that each stub under a bit lies as far from the one by a translation as any other.
    private const int SequenceAlignment = 128;

    /// <summary>The restartable sequences, in the order of their descriptors.</summary>
    public static IReadOnlyList<string> SequenceNames { get; } =
    [
        .. StubProgram.ScalarSizes.Select(x => $"load{x}"), .. StubProgram.ScalarSizes.Select(x => $"store{x}"),
        .. StubProgram.ScalarSizes.Select(x => $"cas{x}"), .. StubProgram.ScalarSizes.Select(x => $"exclusive{x}"),
        .. StubProgram.ScalarSizes.Select(x => $"tlb_load{x}"), .. StubProgram.ScalarSizes.Select(x => $"tlb_store{x}"),
        .. StubProgram.ScalarSizes.Select(x => $"tlb_cas{x}"), .. StubProgram.ScalarSizes.Select(x => $"tlb_exclusive{x}"),
        .. StubProgram.CopySequences(""), .. StubProgram.CopySequences("tlb_"),
    ];

    private void EmitBitChecked()
    {
        foreach (int size in StubProgram.ScalarSizes)
        {
            // p: x0, bitmap: x1, bit: x2.
            Mark($"bit_load{size}", SequenceAlignment);
            EmitSequenceStart($"load{size}", bitmap: 1, bit: 2);
            EmitLoadAcquire(size, 0, 0);
            EmitSequenceEnd($"load{size}");
            Succeed();
        }

        foreach (int size in StubProgram.ScalarSizes)
        {
            // p: x0, value: x1, bitmap: x2, bit: x3.
            Mark($"bit_store{size}", SequenceAlignment);
            EmitSequenceStart($"store{size}", bitmap: 2, bit: 3);
            Emit($"stlr{Suffix(size)} {Register(size, 1)}, [x0]");
            EmitSequenceEnd($"store{size}");
            SucceedWithZero();
        }

        foreach (int size in StubProgram.ScalarSizes)
        {
            // p: x0, comparand: x1, value: x2, bitmap: x3, bit: x4.
            Mark($"bit_cas{size}", SequenceAlignment);
            EmitWithAlternative($"b bit_cas{size}_exclusive", "nop", Arm64Feature.Atomics);
            EmitSequenceStart($"cas{size}", bitmap: 3, bit: 4);
            Emit($"casal{Suffix(size)} {Register(size, 1)}, {Register(size, 2)}, [x0]");
            EmitSequenceEnd($"cas{size}");
            Emit("mov x0, x1");
            Succeed();
        }

        foreach (int size in StubProgram.ScalarSizes)
        {
            Mark($"bit_cas{size}_exclusive", 16);
            EmitNarrowed(size, 1);
            EmitSequenceStart($"exclusive{size}", bitmap: 3, bit: 4);
            EmitExclusiveExchange(size, 1, 2);
            EmitSequenceEnd($"exclusive{size}");
            Emit($"cbnz w11, arm_exclusive{size}", "dmb ish", "mov x0, x9");
            Succeed();
        }
    }

    /// <summary>What is shared by the sequences under a bit and those by a translation.</summary>
    private void EmitSequenceEnds()
    {
        foreach (string name in SequenceNames)
        {
            EmitSequenceAbort(name);
        }

        Mark("bit_clear", 16);
        Emit("mov x0, xzr", $"mov x1, #{StubProgram.StatusBitClear}", "ret");
        Mark("not_restartable");
        Emit("mov x0, xzr", $"mov x1, #{StubProgram.StatusNotRestartable}", "ret");
    }

    /// <summary>
    /// Arms a restartable sequence: its descriptor goes into the thread's area, which lies at a fixed distance from the thread pointer. If the thread is preempted,
    /// migrated or interrupted by a signal between here and the commit, the kernel continues it at the abort handler. The sequence is over with its last
    /// instruction, whether or not the descriptor is still in the area. It looks at the bit with acquire ordering, so that the access behind it is not
    /// older. Uses x12 to x15 and the registers of bitmap and bit, which the sequence has to leave alone like every register it needs again after an abort.
    /// </summary>
    private void EmitSequenceStart(string name, int bitmap, int bit)
    {
        Emit($"add x{bitmap}, x{bitmap}, x{bit}, lsr #3", $"and w{bit}, w{bit}, #7");
        EmitArming(name);
        EmitBitTest(bitmap, bit, "bit_clear");
    }

    private void EmitBitTest(int bitmap, int bit, string otherwise) => Emit(
        $"ldarb w14, [x{bitmap}]",
        $"lsr w14, w14, w{bit}",
        $"tbz w14, #0, {otherwise}");

    /// <summary>Arms a sequence; what follows is inside it.</summary>
    private void EmitArming(string name)
    {
        EmitArea();
        EmitArmingOf(name);
    }

    /// <summary>Leaves in x12 where the thread's area is.</summary>
    private void EmitArea() => Emit(
        "ldr x12, restartable_area",
        "mrs x13, tpidr_el0",
        "add x12, x12, x13",
        $"ldr w13, [x12, #{LinuxArm64Abi.RseqCpuIdOffset}]",

        // A thread that could not be registered has a negative processor number, and nobody would restart it.
        "tbnz w13, #31, not_restartable");

    private void EmitArmingOf(string name)
    {
        Mark("arm_" + name);
        Emit($"adr x13, sequence_{name}");
        Emit($"str x13, [x12, #{LinuxArm64Abi.RseqDescriptorOffset}]");
        Mark("start_" + name);
    }

    private void EmitSequenceEnd(string name) => Mark("committed_" + name);

    /// <summary>The abort handler, behind the signature it is recognized by, which is an instruction that is never run.</summary>
    private void EmitSequenceAbort(string name)
    {
        Emit($"brk #0x{(LinuxArm64Abi.RSEQ_SIG >> 5) & 0xffff:x}");
        Mark("abort_" + name);
        Emit("b arm_" + name);
    }

    /// <summary>struct rseq_cs of each sequence. The addresses are offsets here; the installer adds where the image lies.</summary>
    private void EmitSequences()
    {
        foreach (string name in SequenceNames)
        {
            while (Length % 32 != 0)
            {
                EmitWord("0");
            }

            Mark("sequence_" + name);
            EmitWord("0");
            EmitWord($"start_{name} - image");
            EmitWord($"committed_{name} - start_{name}");
            EmitWord($"abort_{name} - image");
        }
    }
}
