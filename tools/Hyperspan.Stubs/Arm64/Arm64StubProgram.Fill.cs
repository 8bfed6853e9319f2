namespace Hyperspan.Stubs.Arm64;

internal sealed partial class Arm64StubProgram
{
    /// <summary>Pieces from the start and from the end, which may overlap; above 64 bytes a loop with aligned stores between them.</summary>
    private void EmitFill()
    {
        Mark("fill", 64);
        Emit(
            "dup v0.16b, w1",
            "add x3, x0, x2",
            "cmp x2, #16",
            "b.hi fill_over_16",
            "umov x4, v0.d[0]",
            "tbnz w2, #4, fill_8",
            "tbnz w2, #3, fill_8",
            "tbnz w2, #2, fill_4",
            "tbnz w2, #1, fill_2",
            "cbz x2, fill_done",
            "strb w4, [x0]");
        Mark("fill_done");
        SucceedWithZero();
        Mark("fill_8");
        Emit("str x4, [x0]", "str x4, [x3, #-8]");
        SucceedWithZero();
        Mark("fill_4");
        Emit("str w4, [x0]", "str w4, [x3, #-4]");
        SucceedWithZero();
        Mark("fill_2");
        Emit("strh w4, [x0]", "strh w4, [x3, #-2]");
        SucceedWithZero();

        Mark("fill_over_16");
        Emit(
            "cmp x2, #64",
            "b.hi fill_over_64",
            "str q0, [x0]",
            "str q0, [x3, #-16]",
            "cmp x2, #32",
            "b.ls fill_done",
            "str q0, [x0, #16]",
            "str q0, [x3, #-32]");
        SucceedWithZero();

        Mark("fill_over_64");
        Emit(
            "str q0, [x0]",
            "sub x4, x3, #64",
            "and x0, x0, #0xfffffffffffffff0",
            "add x0, x0, #16",
            "cmp x0, x4",
            "b.hs fill_tail");
        MarkLoop("fill_loop");
        Emit(
            "stp q0, q0, [x0]",
            "stp q0, q0, [x0, #32]",
            "add x0, x0, #64",
            "cmp x0, x4",
            "b.lo fill_loop");
        Mark("fill_tail");
        Emit("stp q0, q0, [x4]", "stp q0, q0, [x4, #32]");
        SucceedWithZero();
    }
}
