namespace Hyperspan.Stubs.Arm64;

internal sealed partial class Arm64StubProgram
{
    private void EmitScalars()
    {
        foreach (int size in StubProgram.ScalarSizes)
        {
            Mark($"load{size}", 16);
            EmitIfMisaligned(size, 0, $"load{size}_misaligned");
            EmitLoadAcquire(size, 0, 0);
            Succeed();
            if (size > 1)
            {
                // Instructions that order want alignment.
                Mark($"load{size}_misaligned");
                Emit($"ldr{Suffix(size)} {Register(size, 0)}, [x0]");
                Succeed();
            }
        }

        foreach (int size in StubProgram.ScalarSizes)
        {
            Mark($"store{size}", 16);
            EmitIfMisaligned(size, 0, $"store{size}_misaligned");
            Emit($"stlr{Suffix(size)} {Register(size, 1)}, [x0]");
            SucceedWithZero();
            if (size > 1)
            {
                // Byte by byte, upwards: one store over two pages may be done in the upper one alone.
                Mark($"store{size}_misaligned");
                Emit("strb w1, [x0]");
                for (int i = 1; i < size; i++)
                {
                    Emit("lsr x1, x1, #8", $"strb w1, [x0, #{i}]");
                }

                SucceedWithZero();
            }
        }

        foreach (int size in StubProgram.ScalarSizes)
        {
            string comparand = Register(size, 1);
            Mark($"cas{size}", 16);
            EmitWithAlternative($"b cas{size}_exclusive", $"casal{Suffix(size)} {comparand}, {Register(size, 2)}, [x0]", Arm64Feature.Atomics);
            Emit("mov x0, x1");
            Succeed();
        }

        foreach (int size in StubProgram.ScalarSizes)
        {
            Mark($"cas{size}_exclusive", 16);
            EmitNarrowed(size, 1);
            MarkLoop($"cas{size}_again");
            EmitExclusiveExchange(size, 1, 2);
            Emit($"cbnz w11, cas{size}_again", "dmb ish", "mov x0, x9");
            Succeed();
        }

        // Writes, and changes nothing: what was read is stored only if nobody stored anything else meanwhile.
        Mark("probe_write", 16);
        Emit("ldxrb w9, [x0]", "stxrb w10, w9, [x0]", "cbnz w10, probe_write");
        SucceedWithZero();
    }

    private void EmitIfMisaligned(int size, int address, string label)
    {
        if (size > 1)
        {
            Emit($"tst x{address}, #{size - 1}", $"b.ne {label}");
        }
    }

    private void EmitLoadAcquire(int size, int to, int address) => EmitWithAlternative(
        $"ldar{Suffix(size)} {Register(size, to)}, [x{address}]",
        $"ldapr{Suffix(size)} {Register(size, to)}, [x{address}]",
        Arm64Feature.ProcessorConsistency);

    /// <summary>Zero-extends what is narrower than its register: the caller's upper bits are not defined.</summary>
    private void EmitNarrowed(int size, int number)
    {
        if (size < 4)
        {
            Emit($"and w{number}, w{number}, #{(size == 1 ? 0xff : 0xffff)}");
        }
    }

    /// <summary>
    /// Reads into x9, and stores the new value, or what was read: memory that cannot be written is a fault also where nothing would change. x11 is not zero where
    /// somebody else came in between. The address is in x0.
    /// </summary>
    private void EmitExclusiveExchange(int size, int comparand, int value) => Emit(
        $"ldaxr{Suffix(size)} {Register(size, 9)}, [x0]",
        $"cmp {Register(size, 9)}, {Register(size, comparand)}",
        $"csel {Register(size, 10)}, {Register(size, value)}, {Register(size, 9)}, eq",
        $"stlxr{Suffix(size)} w11, {Register(size, 10)}, [x0]");
}
