using static Iced.Intel.AssemblerRegisters;

namespace Hyperspan.Stubs;

internal sealed partial class StubProgram
{
    /// <summary>
    /// handler(int signal: edi, siginfo_t*: rsi, ucontext_t*: rdx). Recovers faults the kernel raised inside the stubs;
    /// everything else goes to whatever was installed before, with all registers as the kernel gave them.
    /// </summary>
    private void EmitHandler()
    {
        Mark("handler", 16);
        _a.push(rax);
        _a.push(rcx);
        _a.mov(rax, __qword_ptr[rdx + LinuxAbi.ContextRipOffset]);
        _a.lea(rcx, __[L("load1")]);
        _a.cmp(rax, rcx);
        _a.jb(L("foreign"));
        _a.lea(rcx, __[L("data")]);
        _a.cmp(rax, rcx);
        _a.jae(L("foreign"));

        // In a restartable sequence the kernel has moved the instruction pointer to the sequence's abort handler by now. That
        // lies among the stubs too and cannot fault itself, so the fault counts as the sequence's. A signal that somebody sent
        // (code <= 0) while a stub happened to run is not the stub's fault.
        _a.cmp(__dword_ptr[rsi + LinuxAbi.SigInfoCodeOffset], 0);
        _a.jle(L("foreign"));
        _a.lea(rcx, __[L("copy_avx")]);
        _a.cmp(rax, rcx);
        _a.lea(rax, __[L("recover")]);
        _a.lea(rcx, __[L("recover_avx")]);
        _a.cmovae(rax, rcx);
        _a.mov(__qword_ptr[rdx + LinuxAbi.ContextRipOffset], rax);
        _a.mov(rax, __qword_ptr[rsi + LinuxAbi.SigInfoAddressOffset]);
        _a.mov(__qword_ptr[rdx + LinuxAbi.ContextRaxOffset], rax);
        _a.mov(eax, edi);
        _a.mov(__qword_ptr[rdx + LinuxAbi.ContextRdxOffset], rax);
        _a.pop(rcx);
        _a.pop(rax);
        _a.ret();

        Mark("foreign");
        _a.cmp(edi, LinuxAbi.SIGBUS);
        _a.je(L("foreign_bus"));
        _a.mov(rcx, __qword_ptr[L("segv_mode")]);
        _a.test(ecx, ecx);
        _a.jne(L("unchained"));
        Mark("segv_chain");
        _a.pop(rcx);
        _a.pop(rax);
        _a.jmp(__qword_ptr[L("segv_previous")]);

        Mark("foreign_bus");
        _a.mov(rcx, __qword_ptr[L("bus_mode")]);
        _a.test(ecx, ecx);
        _a.jne(L("unchained"));
        Mark("bus_chain");
        _a.pop(rcx);
        _a.pop(rax);
        _a.jmp(__qword_ptr[L("bus_previous")]);

        EmitUnchained();
    }

    /// <summary>
    /// Mode 1: the default action was installed; 2: the signal was ignored; 3: a handler that wanted to be called once. The
    /// default action is put back and the faulting instruction, run again, dies as it would have; a signal that was sent is sent
    /// again.
    /// </summary>
    private void EmitUnchained()
    {
        Mark("unchained");
        _a.cmp(ecx, 2);
        _a.jne(L("put_back"));
        _a.cmp(__dword_ptr[rsi + LinuxAbi.SigInfoCodeOffset], 0);
        _a.jle(L("leave"));

        Mark("put_back");
        _a.push(rcx);
        _a.push(rdx);
        _a.push(rsi);
        _a.push(r10);
        _a.push(r11);
        _a.mov(eax, LinuxAbi.SYS_rt_sigaction);
        _a.lea(rsi, __[L("default_action")]);
        _a.xor(edx, edx);
        _a.mov(r10d, LinuxAbi.KernelSignalSetSize);
        _a.syscall();
        _a.pop(r11);
        _a.pop(r10);
        _a.pop(rsi);
        _a.pop(rdx);
        _a.pop(rcx);
        _a.cmp(ecx, 3);
        _a.jne(L("send_again"));
        _a.cmp(edi, LinuxAbi.SIGBUS);
        _a.je(L("bus_chain"));
        _a.jmp(L("segv_chain"));

        Mark("send_again");
        _a.cmp(__dword_ptr[rsi + LinuxAbi.SigInfoCodeOffset], 0);
        _a.jg(L("leave"));
        _a.mov(edx, edi);
        _a.mov(eax, LinuxAbi.SYS_gettid);
        _a.syscall();
        _a.mov(esi, eax);
        _a.mov(eax, LinuxAbi.SYS_getpid);
        _a.syscall();
        _a.mov(edi, eax);
        _a.mov(eax, LinuxAbi.SYS_tgkill);
        _a.syscall();
        Mark("leave");
        _a.pop(rcx);
        _a.pop(rax);
        _a.ret();
    }

    /// <summary>
    /// Stubs push nothing and keep every callee-saved register, so that the saved stack pointer is right for a return at any of
    /// their instructions. The handler has put the address into rax and the signal into rdx.
    /// </summary>
    private void EmitRecovery()
    {
        Mark("recover_avx", 16);
        _a.vzeroupper();
        Mark("recover");
        _a.ret();
    }

    private void EmitData()
    {
        Mark("data", 64);
        _a.dq(0UL);
        string[] slots =
        [
            "segv_previous", "segv_mode", "bus_previous", "bus_mode", "repeat_copy_from", "repeat_fill_from", "restartable_area",
        ];
        foreach (var name in slots)
        {
            Mark(name);
            _a.dq(0UL);
        }

        Mark("default_action");
        _a.dq(0UL, 0UL);
        _a.dq(0UL, 0UL);
        EmitSequences();
    }
}
