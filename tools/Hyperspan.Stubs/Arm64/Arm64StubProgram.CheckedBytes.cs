namespace Hyperspan.Stubs.Arm64;

/// <content>Copies of 4 to 64 bytes to or from one page, under its bit or by its translation, as <see cref="StubProgram"/> has them.</content>
internal sealed partial class Arm64StubProgram
{
    private void EmitCheckedBytes(bool translated)
    {
        EmitCheckedRead(translated);
        EmitCheckedWrite(translated);
    }

    /// <summary>destination: x0, p: x1, length: x2, bitmap or table: x3, bit or page: x4. In the sequence x9 says where the memory is, and x10 where it ends.</summary>
    private void EmitCheckedRead(bool translated)
    {
        string name = translated ? "tlb_read" : "read";
        Mark(translated ? "tlb_read" : "bit_read", 64);
        EmitPlaceOfCheck(translated);
        EmitArea();
        EmitArmingOf(name);
        EmitCheck(translated, "bit_clear", p: 1);
        Emit(
            "add x10, x9, x2",
            "cmp x2, #16",
            $"b.lo {name}_short",
            "ldr q0, [x9]",
            "ldr q3, [x10, #-16]",
            "cmp x2, #32",
            $"b.ls committed_{name}",
            "ldr q1, [x9, #16]",
            "ldr q2, [x10, #-32]",
            $"b committed_{name}");
        Mark(name + "_short");
        Emit($"tbz w2, #3, {name}_least", "ldr d0, [x9]", "ldr d3, [x10, #-8]", $"b committed_{name}");
        Mark(name + "_least");
        Emit("ldr s0, [x9]", "ldr s3, [x10, #-4]");
        EmitSequenceEnd(name);
        Emit("add x10, x0, x2", "cmp x2, #16", $"b.lo {name}_short_store", "cmp x2, #32", $"b.ls {name}_ends", "str q1, [x0, #16]", "str q2, [x10, #-32]");
        Mark(name + "_ends");
        Emit("str q0, [x0]", "str q3, [x10, #-16]");
        SucceedWithZero();
        Mark(name + "_short_store");
        Emit($"tbz w2, #3, {name}_least_store", "str d0, [x0]", "str d3, [x10, #-8]");
        SucceedWithZero();
        Mark(name + "_least_store");
        Emit("str s0, [x0]", "str s3, [x10, #-4]");
        SucceedWithZero();
    }

    /// <summary>
    /// p: x0, source: x1, length: x2, bitmap or table: x3, bit or page: x4. All of the source is loaded before anything is stored: it may be the page itself. Then
    /// x10 says where the next store begins, and x2 where the last one does, which may overlap the one before.
    /// </summary>
    private void EmitCheckedWrite(bool translated)
    {
        string prefix = translated ? "tlb_" : "";
        Mark(translated ? "tlb_write" : "bit_write", 64);
        EmitPlaceOfCheck(translated);
        EmitArea();
        Emit(
            "mov x10, xzr",
            "add x11, x1, x2",
            "cmp x2, #16",
            $"b.lo {prefix}write_short",
            "ldr q0, [x1]",
            "ldr q3, [x11, #-16]",
            "sub x2, x2, #16",
            "cmp x2, #16",
            $"b.ls arm_{prefix}write16",
            "ldr q1, [x1, #16]",
            "cmp x2, #32",
            $"b.ls arm_{prefix}write16",
            "ldr q2, [x1, #32]");
        EmitStores(translated, 16, "q0");
        Mark(prefix + "write_short");
        Emit($"tbz w2, #3, {prefix}write_least", "ldr d0, [x1]", "ldr d3, [x11, #-8]", "sub x2, x2, #8");
        EmitStores(translated, 8, "d0");
        Mark(prefix + "write_least");
        Emit("ldr s0, [x1]", "ldr s3, [x11, #-4]", "sub x2, x2, #4");
        EmitStores(translated, 4, "s0");
    }

    private void EmitStores(bool translated, int size, string value)
    {
        string name = $"{(translated ? "tlb_" : "")}write{size}";
        EmitArmingOf(name);
        EmitCheck(translated, "part_" + name, p: 0);
        Emit($"str {value}, [x9, x10]");
        EmitSequenceEnd(name);
        Emit(
            "cmp x10, x2",
            $"b.eq done_{name}",
            $"add x10, x10, #{size}",
            "mov v0.16b, v1.16b",
            "mov v1.16b, v2.16b",
            "cmp x10, x2",
            $"b.lo arm_{name}",
            "mov x10, x2",
            "mov v0.16b, v3.16b",
            $"b arm_{name}");
        Mark("done_" + name);
        SucceedWithZero();
        Mark("part_" + name);
        Emit($"add x0, x10, #{size - 1}", $"and x0, x0, #-{size}", $"mov x1, #{StubProgram.StatusBitClear}", "ret");
    }

    /// <summary>Leaves in x3 where the byte of the bit lies, or in x15 where the entry of the page does.</summary>
    private void EmitPlaceOfCheck(bool translated)
    {
        if (translated)
        {
            EmitEntry(table: 3, page: 4);
            return;
        }

        Emit("add x3, x3, x4, lsr #3", "and w4, w4, #7");
    }

    /// <summary>In a sequence: looks at the bit or the translation, and leaves in x9 where the memory is.</summary>
    private void EmitCheck(bool translated, string otherwise, int p)
    {
        if (translated)
        {
            EmitLookUp(otherwise, page: 4);
            Emit($"add x9, x{p}, x7");
            EmitSameVersion(otherwise);
            return;
        }

        EmitBitTest(bitmap: 3, bit: 4, otherwise);
        Emit($"mov x9, x{p}");
    }
}
