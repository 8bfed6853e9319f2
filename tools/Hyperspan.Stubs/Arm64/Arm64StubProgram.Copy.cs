namespace Hyperspan.Stubs.Arm64;

internal sealed partial class Arm64StubProgram
{
    /// <summary>
    /// memmove. Up to 128 bytes, everything is loaded before anything is stored, so that overlap does not matter. Above, a loop with aligned stores runs in the
    /// direction that never overwrites what it still has to read; the two ends are loaded before it and stored after it.
    /// </summary>
    private void EmitCopy()
    {
        Mark("copy", 64);
        Emit(
            "add x3, x1, x2",
            "add x4, x0, x2",
            "cmp x2, #16",
            "b.hi copy_over_16",
            "tbnz w2, #4, copy_8",
            "tbnz w2, #3, copy_8",
            "tbnz w2, #2, copy_4",
            "tbnz w2, #1, copy_2",
            "cbz x2, copy_done",
            "ldrb w5, [x1]",
            "strb w5, [x0]");
        Mark("copy_done");
        SucceedWithZero();
        EmitTwoPieces("copy_8", "x5", "x6", 8);
        EmitTwoPieces("copy_4", "w5", "w6", 4);
        Mark("copy_2");
        Emit("ldrh w5, [x1]", "ldrh w6, [x3, #-2]", "strh w5, [x0]", "strh w6, [x4, #-2]");
        SucceedWithZero();

        Mark("copy_over_16");
        Emit("cmp x2, #32", "b.hi copy_over_32");
        EmitTwoPieces("copy_16", "q0", "q1", 16);

        Mark("copy_over_32");
        Emit(
            "cmp x2, #64",
            "b.hi copy_over_64",
            "ldp q0, q1, [x1]",
            "ldp q2, q3, [x3, #-32]",
            "stp q0, q1, [x0]",
            "stp q2, q3, [x4, #-32]");
        SucceedWithZero();

        Mark("copy_over_64");
        Emit(
            "cmp x2, #128",
            "b.hi copy_over_128",
            "ldp q0, q1, [x1]",
            "ldp q2, q3, [x1, #32]",
            "ldp q4, q5, [x3, #-64]",
            "ldp q6, q7, [x3, #-32]",
            "stp q0, q1, [x0]",
            "stp q2, q3, [x0, #32]",
            "stp q4, q5, [x4, #-64]",
            "stp q6, q7, [x4, #-32]");
        SucceedWithZero();

        Mark("copy_over_128");
        Emit(
            "sub x5, x0, x1",
            "cmp x5, x2",
            "b.lo copy_backward");
        EmitCopyForward();
        EmitCopyBackward();
    }

    private void EmitTwoPieces(string label, string first, string last, int length)
    {
        Mark(label);
        Emit($"ldr {first}, [x1]", $"ldr {last}, [x3, #-{length}]", $"str {first}, [x0]", $"str {last}, [x4, #-{length}]");
        SucceedWithZero();
    }

    private void EmitCopyForward()
    {
        Emit(
            "ldr q16, [x1]",
            "ldp q20, q21, [x3, #-64]",
            "ldp q22, q23, [x3, #-32]",
            "mov x6, x0",
            "sub x4, x4, #64",
            "and x7, x0, #0xfffffffffffffff0",
            "add x7, x7, #16",
            "sub x5, x7, x0",
            "add x1, x1, x5",
            "mov x0, x7");
        MarkLoop("copy_forward_loop");
        Emit(
            "ldp q0, q1, [x1]",
            "ldp q2, q3, [x1, #32]",
            "stp q0, q1, [x0]",
            "stp q2, q3, [x0, #32]",
            "add x1, x1, #64",
            "add x0, x0, #64",
            "cmp x0, x4",
            "b.lo copy_forward_loop",
            "stp q20, q21, [x4]",
            "stp q22, q23, [x4, #32]",
            "str q16, [x6]");
        SucceedWithZero();
    }

    private void EmitCopyBackward()
    {
        Mark("copy_backward");
        Emit(
            "ldr q16, [x3, #-16]",
            "ldp q20, q21, [x1]",
            "ldp q22, q23, [x1, #32]",
            "mov x6, x4",
            "add x7, x0, #64",
            "sub x4, x4, #1",
            "and x4, x4, #0xfffffffffffffff0",
            "sub x3, x4, x5");
        MarkLoop("copy_backward_loop");
        Emit(
            "ldp q0, q1, [x3, #-32]",
            "ldp q2, q3, [x3, #-64]",
            "stp q0, q1, [x4, #-32]",
            "stp q2, q3, [x4, #-64]",
            "sub x3, x3, #64",
            "sub x4, x4, #64",
            "cmp x4, x7",
            "b.hi copy_backward_loop",
            "stp q20, q21, [x0]",
            "stp q22, q23, [x0, #32]",
            "str q16, [x6, #-16]");
        SucceedWithZero();
    }
}
