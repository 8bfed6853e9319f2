using static Iced.Intel.AssemblerRegisters;

namespace Hyperspan.Stubs;

internal sealed partial class StubProgram
{
    /// <summary>
    /// keep_pages(KeeperState*: rdi). Protects ranges of memory against writing, then keeps what pages hold before they are written, until it is asked to end; then nothing
    /// is protected any more. No stub to the handler: it makes nothing but system calls, and touches no memory but its state and the words that belong to pages.
    /// </summary>
    private void EmitKeeper()
    {
        Mark("keep_pages", 16);
        _a.push(rbx);
        _a.push(rbp);
        _a.push(r12);
        _a.push(r13);
        _a.push(r14);
        _a.push(r15);
        _a.mov(rbx, rdi);
        EmitKeeperArm();
        EmitKeeperServe();
        EmitKeeperMissing();
        EmitKeeperEnd();
    }

    /// <summary>Until all is protected no fault is resolved: whoever writes is held, so that all is kept as it is at one moment.</summary>
    private void EmitKeeperArm()
    {
        _a.mov(__dword_ptr[rbx + KeeperLayout.FailedStepOffset], KeeperLayout.StepArm);
        _a.mov(rbp, __qword_ptr[rbx + KeeperLayout.RangesOffset]);
        _a.mov(r12, __qword_ptr[rbx + KeeperLayout.RangeCountOffset]);
        Mark("keep_arm");
        _a.test(r12, r12);
        _a.je(L("keep_armed"));
        _a.mov(rdx, rbp);
        Ioctl(UserFaultAbi.UFFDIO_REGISTER);
        _a.test(rax, rax);
        _a.jne(L("keep_failed"));
        _a.inc(__qword_ptr[rbx + KeeperLayout.RegisteredOffset]);
        _a.mov(rax, __qword_ptr[rbp + KeeperLayout.RangeStartOffset]);
        _a.mov(__qword_ptr[rbx + KeeperLayout.RequestOffset], rax);
        _a.mov(rax, __qword_ptr[rbp + KeeperLayout.RangeLengthOffset]);
        _a.mov(__qword_ptr[rbx + KeeperLayout.RequestOffset + 8], rax);
        _a.mov(__qword_ptr[rbx + KeeperLayout.RequestOffset + 16], UserFaultAbi.UFFDIO_WRITEPROTECT_MODE_WP);
        Mark("keep_protect");
        _a.lea(rdx, __[rbx + KeeperLayout.RequestOffset]);
        Ioctl(UserFaultAbi.UFFDIO_WRITEPROTECT);
        JumpIfToBeRepeated("keep_protect");
        _a.test(rax, rax);
        _a.jne(L("keep_failed"));
        _a.add(rbp, KeeperLayout.RangeSize);
        _a.dec(r12);
        _a.jmp(L("keep_arm"));

        Mark("keep_armed");
        _a.mov(__dword_ptr[rbx + KeeperLayout.IsArmedOffset], 1);
    }

    private void EmitKeeperServe()
    {
        Mark("keep_serve");
        _a.mov(__dword_ptr[rbx + KeeperLayout.FailedStepOffset], KeeperLayout.StepServe);
        _a.lea(rdi, __[rbx + KeeperLayout.PollOffset]);
        _a.mov(esi, 2);
        _a.mov(edx, -1);
        _a.mov(eax, LinuxAbi.SYS_poll);
        _a.syscall();
        JumpIfToBeRepeated("keep_serve");
        _a.test(rax, rax);
        _a.jle(L("keep_failed"));
        _a.cmp(__word_ptr[rbx + KeeperLayout.PollOffset + UserFaultAbi.PollSize + UserFaultAbi.PollReturnedOffset], 0);
        _a.jne(L("keep_end"));
        _a.mov(edi, __dword_ptr[rbx + KeeperLayout.FaultsOffset]);
        _a.lea(rsi, __[rbx + KeeperLayout.MessagesOffset]);
        _a.mov(edx, UserFaultAbi.MessagesAtOnce * UserFaultAbi.MessageSize);
        _a.mov(eax, LinuxAbi.SYS_read);
        _a.syscall();
        JumpIfToBeRepeated("keep_serve");
        _a.test(rax, rax);
        _a.jle(L("keep_failed"));
        _a.lea(r12, __[rbx + KeeperLayout.MessagesOffset]);
        _a.lea(r13, __[r12 + rax]);

        Mark("keep_message");
        _a.cmp(r12, r13);
        _a.jae(L("keep_serve"));
        _a.cmp(__byte_ptr[r12], UserFaultAbi.UFFD_EVENT_PAGEFAULT);
        _a.jne(L("keep_next"));
        _a.mov(r14, __qword_ptr[r12 + UserFaultAbi.MessageAddressOffset]);
        _a.mov(rbp, __qword_ptr[rbx + KeeperLayout.RangesOffset]);
        _a.mov(rcx, __qword_ptr[rbx + KeeperLayout.RangeCountOffset]);
        Mark("keep_find");
        _a.mov(eax, UserFaultAbi.EIO);
        _a.neg(rax);
        _a.test(rcx, rcx);
        _a.je(L("keep_failed"));
        _a.mov(rax, r14);
        _a.sub(rax, __qword_ptr[rbp + KeeperLayout.RangeStartOffset]);
        _a.cmp(rax, __qword_ptr[rbp + KeeperLayout.RangeLengthOffset]);
        _a.jb(L("keep_found"));
        _a.add(rbp, KeeperLayout.RangeSize);
        _a.dec(rcx);
        _a.jmp(L("keep_find"));

        // r15: the word of the page; r14: where it begins; r8: its length.
        Mark("keep_found");
        _a.mov(rcx, __qword_ptr[rbp + KeeperLayout.RangeShiftOffset]);
        _a.shr(rax, cl);
        _a.mov(r15, __qword_ptr[rbp + KeeperLayout.RangePagesOffset]);
        _a.lea(r15, __[r15 + (rax * 4)]);
        _a.shl(rax, cl);
        _a.mov(r14, __qword_ptr[rbp + KeeperLayout.RangeStartOffset]);
        _a.add(r14, rax);
        _a.mov(r8d, 1);
        _a.shl(r8, cl);
        _a.bt(__dword_ptr[r12 + UserFaultAbi.MessageFlagsOffset], UserFaultAbi.PageFaultFlagWpBit);
        _a.jae(L("keep_missing"));
        _a.cmp(__dword_ptr[r15], 0);
        _a.jne(L("keep_lift"));

        // A system call leaves alone all registers but rax, rcx, r11. r9: the slot behind those of this page.
        _a.mov(__dword_ptr[rbx + KeeperLayout.FailedStepOffset], KeeperLayout.StepKeep);
        _a.mov(r10, __qword_ptr[rbx + KeeperLayout.NextSlotOffset]);
        _a.mov(r9, r8);
        _a.shr(r9, UserFaultAbi.SlotShift);
        _a.add(r9, r10);
        _a.shl(r10, UserFaultAbi.SlotShift);
        _a.mov(edi, __dword_ptr[rbx + KeeperLayout.MemoryFileOffset]);
        _a.cmp(r9, __qword_ptr[rbx + KeeperLayout.MemorySlotsOffset]);
        _a.cmova(edi, __dword_ptr[rbx + KeeperLayout.SpillFileOffset]);
        _a.mov(rsi, r14);
        _a.mov(rdx, r8);
        Mark("keep_write");
        _a.mov(eax, LinuxAbi.SYS_pwrite64);
        _a.syscall();
        JumpIfToBeRepeated("keep_write");
        _a.test(rax, rax);
        _a.jle(L("keep_failed"));
        _a.add(rsi, rax);
        _a.add(r10, rax);
        _a.sub(rdx, rax);
        _a.jne(L("keep_write"));
        _a.mov(rax, __qword_ptr[rbx + KeeperLayout.NextSlotOffset]);
        _a.mov(__qword_ptr[rbx + KeeperLayout.NextSlotOffset], r9);
        _a.inc(rax);
        _a.mov(__dword_ptr[r15], eax);

        Mark("keep_lift");
        _a.mov(__dword_ptr[rbx + KeeperLayout.FailedStepOffset], KeeperLayout.StepLift);
        EmitPageRequest();
        Mark("keep_lift_again");
        _a.lea(rdx, __[rbx + KeeperLayout.RequestOffset]);
        Ioctl(UserFaultAbi.UFFDIO_WRITEPROTECT);
        JumpIfToBeRepeated("keep_lift_again");
        _a.test(rax, rax);
        _a.jne(L("keep_failed"));

        Mark("keep_next");
        _a.add(r12, UserFaultAbi.MessageSize);
        _a.jmp(L("keep_message"));
    }

    /// <summary>A page of private memory that was not there was zero: nothing but that is kept of it.</summary>
    private void EmitKeeperMissing()
    {
        Mark("keep_missing");
        _a.mov(__dword_ptr[rbx + KeeperLayout.FailedStepOffset], KeeperLayout.StepLift);
        _a.cmp(__dword_ptr[r15], 0);
        _a.jne(L("keep_zero"));
        _a.mov(__dword_ptr[r15], -1);
        Mark("keep_zero");
        EmitPageRequest();
        _a.lea(rdx, __[rbx + KeeperLayout.RequestOffset]);
        Ioctl(UserFaultAbi.UFFDIO_ZEROPAGE);
        JumpIfToBeRepeated("keep_zero");
        _a.test(rax, rax);
        _a.je(L("keep_next"));
        _a.cmp(rax, -UserFaultAbi.EEXIST);
        _a.jne(L("keep_failed"));

        // It is there by now, or (a private mapping of a file) all there is is the mark that it is protected.
        _a.jmp(L("keep_lift"));
    }

    /// <summary>The error is there before the protection goes: who has read a page and then finds none has read what was protected.</summary>
    private void EmitKeeperEnd()
    {
        Mark("keep_failed");
        _a.mov(ecx, -UserFaultAbi.EIO);
        _a.test(rax, rax);
        _a.cmove(eax, ecx);
        _a.neg(eax);
        _a.mov(__dword_ptr[rbx + KeeperLayout.ErrorOffset], eax);

        Mark("keep_end");
        _a.mov(rbp, __qword_ptr[rbx + KeeperLayout.RangesOffset]);
        _a.mov(r12, __qword_ptr[rbx + KeeperLayout.RegisteredOffset]);
        Mark("keep_give_up");
        _a.test(r12, r12);
        _a.je(L("keep_ended"));
        _a.mov(r14, __qword_ptr[rbp + KeeperLayout.RangeStartOffset]);
        _a.mov(r8, __qword_ptr[rbp + KeeperLayout.RangeLengthOffset]);
        EmitPageRequest();
        Mark("keep_give_up_again");
        _a.lea(rdx, __[rbx + KeeperLayout.RequestOffset]);
        Ioctl(UserFaultAbi.UFFDIO_WRITEPROTECT);
        JumpIfToBeRepeated("keep_give_up_again");

        // Whatever became of that: what is not registered holds nobody, once it is woken.
        _a.mov(rdx, rbp);
        Ioctl(UserFaultAbi.UFFDIO_UNREGISTER);
        _a.mov(rdx, rbp);
        Ioctl(UserFaultAbi.UFFDIO_WAKE);
        _a.add(rbp, KeeperLayout.RangeSize);
        _a.dec(r12);
        _a.jmp(L("keep_give_up"));

        Mark("keep_ended");
        _a.pop(r15);
        _a.pop(r14);
        _a.pop(r13);
        _a.pop(r12);
        _a.pop(rbp);
        _a.pop(rbx);
        _a.ret();
    }

    /// <summary>Puts r14, r8 and mode zero where system calls find them.</summary>
    private void EmitPageRequest()
    {
        _a.mov(__qword_ptr[rbx + KeeperLayout.RequestOffset], r14);
        _a.mov(__qword_ptr[rbx + KeeperLayout.RequestOffset + 8], r8);
        _a.mov(__qword_ptr[rbx + KeeperLayout.RequestOffset + 16], 0);
    }

    /// <summary>With the argument in rdx.</summary>
    private void Ioctl(uint request)
    {
        _a.mov(edi, __dword_ptr[rbx + KeeperLayout.FaultsOffset]);
        _a.mov(esi, request);
        _a.mov(eax, LinuxAbi.SYS_ioctl);
        _a.syscall();
    }

    private void JumpIfToBeRepeated(string label)
    {
        _a.cmp(rax, -UserFaultAbi.EINTR);
        _a.je(L(label));
        _a.cmp(rax, -UserFaultAbi.EAGAIN);
        _a.je(L(label));
    }
}
