namespace Hyperspan.Stubs.Arm64;

/// <content>Accesses through a table of translations, as <see cref="StubProgram"/> has them: table and page number stand where bitmap and bit do.</content>
internal sealed partial class Arm64StubProgram
{
    private void EmitTranslated()
    {
        foreach (int size in StubProgram.ScalarSizes)
        {
            // p: x0, table: x1, page: x2.
            Mark($"tlb_load{size}", SequenceAlignment);
            EmitTranslation($"tlb_load{size}", table: 1, page: 2);
            EmitLoadAcquire(size, 0, 0);
            EmitSequenceEnd($"tlb_load{size}");
            Succeed();
        }

        foreach (int size in StubProgram.ScalarSizes)
        {
            // p: x0, value: x1, table: x2, page: x3.
            Mark($"tlb_store{size}", SequenceAlignment);
            EmitTranslation($"tlb_store{size}", table: 2, page: 3);
            Emit($"stlr{Suffix(size)} {Register(size, 1)}, [x0]");
            EmitSequenceEnd($"tlb_store{size}");
            SucceedWithZero();
        }

        foreach (int size in StubProgram.ScalarSizes)
        {
            // p: x0, comparand: x1, value: x2, table: x3, page: x4. The exchange replaces the comparand: it is the last instruction, so that no restart wants it.
            Mark($"tlb_cas{size}", SequenceAlignment);
            EmitWithAlternative($"b tlb_cas{size}_exclusive", "nop", Arm64Feature.Atomics);
            EmitTranslation($"tlb_cas{size}", table: 3, page: 4);
            Emit($"casal{Suffix(size)} {Register(size, 1)}, {Register(size, 2)}, [x0]");
            EmitSequenceEnd($"tlb_cas{size}");
            Emit("mov x0, x1");
            Succeed();
        }

        foreach (int size in StubProgram.ScalarSizes)
        {
            Mark($"tlb_cas{size}_exclusive", 16);
            EmitNarrowed(size, 1);
            EmitTranslation($"tlb_exclusive{size}", table: 3, page: 4);
            EmitExclusiveExchange(size, 1, 2);
            EmitSequenceEnd($"tlb_exclusive{size}");
            Emit($"cbnz w11, arm_tlb_exclusive{size}", "dmb ish", "mov x0, x9");
            Succeed();
        }
    }

    /// <summary>
    /// Arms a sequence and translates the address in x0 in it. It reads the page and what to add between two looks at the version, all four in their order: an entry that was
    /// given to another page meanwhile has another one by the second look, also where it has been given back. Uses x5 to x8 and x12 to x15.
    /// </summary>
    private void EmitTranslation(string name, int table, int page)
    {
        Emit("mov x5, x0");
        EmitEntry(table, page);
        EmitArming(name);
        EmitLookUp("bit_clear", page);
        Emit("add x0, x5, x7");
        EmitSameVersion("bit_clear");
    }

    /// <summary>Where the entry of a page lies: x15, its addend x6, its version x8.</summary>
    private void EmitEntry(int table, int page) => Emit(
        $"and x15, x{page}, #{(1 << StubProgram.TranslationBits) - 1}",
        $"add x15, x{table}, x15, lsl #{StubProgram.TranslationEntryShift}",
        $"add x6, x15, #{StubProgram.TranslationAddendOffset}",
        $"add x8, x15, #{StubProgram.TranslationVersionOffset}");

    /// <summary>Leaves in x7 what is to be added, and in x14 the version.</summary>
    private void EmitLookUp(string otherwise, int page) => Emit(
        "ldar x14, [x8]",
        "ldar x7, [x15]",
        $"cmp x7, x{page}",
        $"b.ne {otherwise}",
        "ldar x7, [x6]");

    private void EmitSameVersion(string otherwise) => Emit(
        "ldar x7, [x8]",
        "cmp x7, x14",
        $"b.ne {otherwise}");
}
