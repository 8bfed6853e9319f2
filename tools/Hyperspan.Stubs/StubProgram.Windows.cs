using static Iced.Intel.AssemblerRegisters;

namespace Hyperspan.Stubs;

/// <content>What is of Windows alone: its handler, and how a recovered stub returns.</content>
internal sealed partial class StubProgram
{
    private const int SigSegv = 11;

    /// <summary>
    /// handler(EXCEPTION_POINTERS*: rcx). Recovers faults of the stubs' accesses; all else is left to other handlers, untouched. A page of the guest with PAGE_GUARD loses that
    /// by being accessed, which has failed all the same. Statuses are the signals of Linux for the same: 7 for what cannot be read in, else 11.
    /// </summary>
    private void EmitWindowsHandler()
    {
        Mark("handler", 16);
        _a.mov(rax, __qword_ptr[rcx + WindowsAbi.PointersRecordOffset]);
        _a.mov(rdx, __qword_ptr[rcx + WindowsAbi.PointersContextOffset]);
        _a.mov(r8d, __dword_ptr[rax + WindowsAbi.RecordCodeOffset]);
        _a.mov(r9d, SigSegv);
        _a.cmp(r8d, unchecked((int)WindowsAbi.STATUS_ACCESS_VIOLATION));
        _a.je(L("fault"));
        _a.cmp(r8d, unchecked((int)WindowsAbi.STATUS_GUARD_PAGE_VIOLATION));
        _a.je(L("fault"));
        _a.mov(r9d, LinuxAbi.SIGBUS);
        _a.cmp(r8d, unchecked((int)WindowsAbi.STATUS_IN_PAGE_ERROR));
        _a.jne(L("foreign"));

        Mark("fault");
        _a.mov(r8, __qword_ptr[rdx + WindowsAbi.ContextRipOffset]);
        _a.lea(r10, __[L("load1")]);
        _a.cmp(r8, r10);
        _a.jb(L("foreign"));
        _a.lea(r10, __[L("data")]);
        _a.cmp(r8, r10);
        _a.jae(L("foreign"));
        _a.lea(r10, __[L("recover")]);
        _a.lea(r11, __[L("copy_avx")]);
        _a.cmp(r8, r11);
        _a.lea(r11, __[L("recover_avx")]);
        _a.cmovae(r10, r11);
        _a.lea(r11, __[L("fill_repeat")]);
        _a.cmp(r8, r11);
        _a.lea(r11, __[L("recover_repeat")]);
        _a.cmovae(r10, r11);
        _a.mov(__qword_ptr[rdx + WindowsAbi.ContextRipOffset], r10);
        _a.mov(rax, __qword_ptr[rax + WindowsAbi.RecordAddressOffset]);
        _a.mov(__qword_ptr[rdx + WindowsAbi.ContextRcxOffset], rax);
        _a.mov(__qword_ptr[rdx + WindowsAbi.ContextRdxOffset], r9);
        _a.mov(eax, WindowsAbi.EXCEPTION_CONTINUE_EXECUTION);
        _a.ret();

        Mark("foreign");
        _a.xor(eax, eax);
        _a.ret();
    }

    /// <summary>
    /// The handler has put the address into rcx and the status into rdx. r11 is where the answer goes; of a string operation r10 and r9 are the caller's rdi and rsi.
    /// </summary>
    private void EmitWindowsRecovery()
    {
        Mark("recover_repeat", 16);
        _a.mov(rdi, r10);
        _a.mov(rsi, r9);
        _a.jmp(L("recover"));
        Mark("recover_avx", 16);
        _a.vzeroupper();
        Mark("recover");
        _a.mov(__qword_ptr[r11], rcx);
        _a.mov(__qword_ptr[r11 + sizeof(ulong)], rdx);
        _a.mov(rax, r11);
        _a.ret();
    }

    private void EmitWindowsData()
    {
        Mark("data", 64);
        _a.dq(0UL);
        foreach (var name in (string[])["repeat_copy_from", "repeat_fill_from"])
        {
            Mark(name);
            _a.dq(0UL);
        }
    }
}
