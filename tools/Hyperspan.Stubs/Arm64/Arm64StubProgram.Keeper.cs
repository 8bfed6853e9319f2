namespace Hyperspan.Stubs.Arm64;

internal sealed partial class Arm64StubProgram
{
    /// <summary>
    /// keep_pages(KeeperState*: x0). Protects ranges of memory against writing, then keeps what pages hold before they are written, until it is asked to end; then nothing
    /// is protected any more. No stub to the handler: it makes nothing but system calls, and touches no memory but its state and the words that belong to pages.
    /// </summary>
    private void EmitKeeper()
    {
        Mark("keep_pages", 16);
        Emit(
            "stp x29, x30, [sp, #-80]!",
            "mov x29, sp",
            "stp x19, x20, [sp, #16]",
            "stp x21, x22, [sp, #32]",
            "stp x23, x24, [sp, #48]",
            "stp x25, x26, [sp, #64]",
            "mov x19, x0");
        EmitKeeperArm();
        EmitKeeperServe();
        EmitKeeperMissing();
        EmitKeeperEnd();
    }

    /// <summary>Until all is protected no fault is resolved: whoever writes is held, so that all is kept as it is at one moment.</summary>
    private void EmitKeeperArm()
    {
        BeginStep(KeeperLayout.StepArm);
        Emit(
            $"ldr x20, [x19, #{KeeperLayout.RangesOffset}]",
            $"ldr x21, [x19, #{KeeperLayout.RangeCountOffset}]");
        Mark("keep_arm");
        Emit("cbz x21, keep_armed", "mov x2, x20");
        Ioctl(UserFaultAbi.UFFDIO_REGISTER);
        Emit(
            "cbnz x0, keep_failed",
            $"ldr x9, [x19, #{KeeperLayout.RegisteredOffset}]",
            "add x9, x9, #1",
            $"str x9, [x19, #{KeeperLayout.RegisteredOffset}]",
            "ldp x9, x10, [x20]",
            $"mov x11, #{UserFaultAbi.UFFDIO_WRITEPROTECT_MODE_WP}",
            $"stp x9, x10, [x19, #{KeeperLayout.RequestOffset}]",
            $"str x11, [x19, #{KeeperLayout.RequestOffset + 16}]");
        Mark("keep_protect");
        Emit($"add x2, x19, #{KeeperLayout.RequestOffset}");
        Ioctl(UserFaultAbi.UFFDIO_WRITEPROTECT);
        JumpIfToBeRepeated("keep_protect");
        Emit(
            "cbnz x0, keep_failed",
            $"add x20, x20, #{KeeperLayout.RangeSize}",
            "sub x21, x21, #1",
            "b keep_arm");

        Mark("keep_armed");
        Emit("mov w9, #1", $"add x10, x19, #{KeeperLayout.IsArmedOffset}", "stlr w9, [x10]");
    }

    private void EmitKeeperServe()
    {
        Mark("keep_serve");
        BeginStep(KeeperLayout.StepServe);
        Emit(
            $"add x0, x19, #{KeeperLayout.PollOffset}",
            "mov x1, #2",
            "mov x2, xzr",
            "mov x3, xzr",
            "mov x4, xzr",
            $"mov x8, #{LinuxArm64Abi.SYS_ppoll}",
            "svc #0");
        JumpIfToBeRepeated("keep_serve");
        Emit(
            "cmp x0, #0",
            "b.le keep_failed",
            $"ldrh w9, [x19, #{KeeperLayout.PollOffset + UserFaultAbi.PollSize + UserFaultAbi.PollReturnedOffset}]",
            "cbnz w9, keep_end",
            $"ldr w0, [x19, #{KeeperLayout.FaultsOffset}]",
            $"add x1, x19, #{KeeperLayout.MessagesOffset}",
            $"mov x2, #{UserFaultAbi.MessagesAtOnce * UserFaultAbi.MessageSize}",
            $"mov x8, #{LinuxArm64Abi.SYS_read}",
            "svc #0");
        JumpIfToBeRepeated("keep_serve");
        Emit(
            "cmp x0, #0",
            "b.le keep_failed",
            $"add x21, x19, #{KeeperLayout.MessagesOffset}",
            "add x22, x21, x0");

        Mark("keep_message");
        Emit(
            "cmp x21, x22",
            "b.hs keep_serve",
            "ldrb w9, [x21]",
            $"cmp w9, #{UserFaultAbi.UFFD_EVENT_PAGEFAULT}",
            "b.ne keep_next",
            $"ldr x23, [x21, #{UserFaultAbi.MessageAddressOffset}]",
            $"ldr x20, [x19, #{KeeperLayout.RangesOffset}]",
            $"ldr x9, [x19, #{KeeperLayout.RangeCountOffset}]");
        Mark("keep_find");
        Emit(
            "mov x0, xzr",
            "cbz x9, keep_failed",
            "ldp x10, x11, [x20]",
            "sub x12, x23, x10",
            "cmp x12, x11",
            "b.lo keep_found",
            $"add x20, x20, #{KeeperLayout.RangeSize}",
            "sub x9, x9, #1",
            "b keep_find");

        // x24: the word of the page; x23: where it begins; x25: its length.
        Mark("keep_found");
        Emit(
            $"ldp x13, x24, [x20, #{KeeperLayout.RangeShiftOffset}]",
            "lsr x12, x12, x13",
            "add x24, x24, x12, lsl #2",
            "lsl x12, x12, x13",
            "add x23, x10, x12",
            "mov x25, #1",
            "lsl x25, x25, x13",
            $"ldr w9, [x21, #{UserFaultAbi.MessageFlagsOffset}]",
            $"tbz w9, #{UserFaultAbi.PageFaultFlagWpBit}, keep_missing",
            "ldr w9, [x24]",
            "cbnz w9, keep_lift");

        // A system call changes x0 alone. x26: the slot behind those of this page.
        BeginStep(KeeperLayout.StepKeep);
        Emit(
            $"ldr x9, [x19, #{KeeperLayout.NextSlotOffset}]",
            $"add x26, x9, x25, lsr #{UserFaultAbi.SlotShift}",
            $"lsl x3, x9, #{UserFaultAbi.SlotShift}",
            $"ldr w10, [x19, #{KeeperLayout.MemoryFileOffset}]",
            $"ldr w11, [x19, #{KeeperLayout.SpillFileOffset}]",
            $"ldr x12, [x19, #{KeeperLayout.MemorySlotsOffset}]",
            "cmp x26, x12",
            "csel w13, w11, w10, hi",
            "mov x1, x23",
            "mov x2, x25",
            $"mov x8, #{LinuxArm64Abi.SYS_pwrite64}");
        Mark("keep_write");
        Emit("mov w0, w13", "svc #0");
        JumpIfToBeRepeated("keep_write");
        Emit(
            "cmp x0, #0",
            "b.le keep_failed",
            "add x1, x1, x0",
            "add x3, x3, x0",
            "subs x2, x2, x0",
            "b.ne keep_write",
            $"ldr x9, [x19, #{KeeperLayout.NextSlotOffset}]",
            $"str x26, [x19, #{KeeperLayout.NextSlotOffset}]",
            "add w9, w9, #1",
            "stlr w9, [x24]",
            "dmb ish");

        Mark("keep_lift");
        BeginStep(KeeperLayout.StepLift);
        EmitPageRequest();
        Mark("keep_lift_again");
        Emit($"add x2, x19, #{KeeperLayout.RequestOffset}");
        Ioctl(UserFaultAbi.UFFDIO_WRITEPROTECT);
        JumpIfToBeRepeated("keep_lift_again");
        Emit("cbnz x0, keep_failed");

        Mark("keep_next");
        Emit($"add x21, x21, #{UserFaultAbi.MessageSize}", "b keep_message");
    }

    /// <summary>A page of private memory that was not there was zero: nothing but that is kept of it.</summary>
    private void EmitKeeperMissing()
    {
        Mark("keep_missing");
        BeginStep(KeeperLayout.StepLift);
        Emit(
            "ldr w9, [x24]",
            "cbnz w9, keep_zero",
            "mov w9, #-1",
            "stlr w9, [x24]",
            "dmb ish");
        Mark("keep_zero");
        EmitPageRequest();
        Emit($"add x2, x19, #{KeeperLayout.RequestOffset}");
        Ioctl(UserFaultAbi.UFFDIO_ZEROPAGE);
        JumpIfToBeRepeated("keep_zero");
        Emit(
            "cbz x0, keep_next",
            $"cmn x0, #{UserFaultAbi.EEXIST}",
            "b.ne keep_failed");

        // It is there by now, or (a private mapping of a file) all there is is the mark that it is protected.
        Emit("b keep_lift");
    }

    /// <summary>The error is there before the protection goes: who has read a page and then finds none has read what was protected.</summary>
    private void EmitKeeperEnd()
    {
        Mark("keep_failed");
        Emit(
            $"mov x9, #-{UserFaultAbi.EIO}",
            "cmp x0, #0",
            "csel x0, x9, x0, eq",
            "neg w0, w0",
            $"add x9, x19, #{KeeperLayout.ErrorOffset}",
            "stlr w0, [x9]",
            "dmb ish");

        Mark("keep_end");
        Emit(
            $"ldr x20, [x19, #{KeeperLayout.RangesOffset}]",
            $"ldr x21, [x19, #{KeeperLayout.RegisteredOffset}]");
        Mark("keep_give_up");
        Emit("cbz x21, keep_ended", "ldp x23, x25, [x20]");
        EmitPageRequest();
        Mark("keep_give_up_again");
        Emit($"add x2, x19, #{KeeperLayout.RequestOffset}");
        Ioctl(UserFaultAbi.UFFDIO_WRITEPROTECT);
        JumpIfToBeRepeated("keep_give_up_again");

        // Whatever became of that: what is not registered holds nobody, once it is woken.
        Emit("mov x2, x20");
        Ioctl(UserFaultAbi.UFFDIO_UNREGISTER);
        Emit("mov x2, x20");
        Ioctl(UserFaultAbi.UFFDIO_WAKE);
        Emit(
            $"add x20, x20, #{KeeperLayout.RangeSize}",
            "sub x21, x21, #1",
            "b keep_give_up");

        Mark("keep_ended");
        Emit(
            "ldp x19, x20, [sp, #16]",
            "ldp x21, x22, [sp, #32]",
            "ldp x23, x24, [sp, #48]",
            "ldp x25, x26, [sp, #64]",
            "ldp x29, x30, [sp], #80",
            "ret");
    }

    private void BeginStep(int step) => Emit($"mov w9, #{step}", $"str w9, [x19, #{KeeperLayout.FailedStepOffset}]");

    /// <summary>Puts x23, x25 and mode zero where system calls find them.</summary>
    private void EmitPageRequest() => Emit(
        $"stp x23, x25, [x19, #{KeeperLayout.RequestOffset}]",
        $"str xzr, [x19, #{KeeperLayout.RequestOffset + 16}]");

    /// <summary>With the argument in x2.</summary>
    private void Ioctl(uint request) => Emit(
        $"ldr w0, [x19, #{KeeperLayout.FaultsOffset}]",
        $"mov w1, #{request & 0xffff}",
        $"movk w1, #{request >> 16}, lsl #16",
        $"mov x8, #{LinuxArm64Abi.SYS_ioctl}",
        "svc #0");

    private void JumpIfToBeRepeated(string label) => Emit(
        $"cmn x0, #{UserFaultAbi.EINTR}",
        $"b.eq {label}",
        $"cmn x0, #{UserFaultAbi.EAGAIN}",
        $"b.eq {label}");
}
