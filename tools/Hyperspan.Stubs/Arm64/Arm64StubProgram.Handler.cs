namespace Hyperspan.Stubs.Arm64;

internal sealed partial class Arm64StubProgram
{
    /// <summary>
    /// handler(int signal: w0, siginfo_t*: x1, ucontext_t*: x2). Recovers faults the kernel raised inside the stubs; everything else goes to whatever was installed
    /// before, with its arguments, the stack and the return address as the kernel gave them. The kernel has saved every register: those that a function may
    /// change are free.
    /// </summary>
    private void EmitHandler()
    {
        Mark("handler", 16);
        Emit(
            $"ldr x9, [x2, #{LinuxArm64Abi.ContextPcOffset}]",
            "adr x10, load1",
            "cmp x9, x10",
            "b.lo foreign",
            "adr x10, data",
            "cmp x9, x10",
            "b.hs foreign");

        // In a restartable sequence the kernel has moved the program counter to the sequence's abort handler by now. That lies among the stubs too and cannot
        // fault itself, so the fault counts as the sequence's. A signal that somebody sent (code <= 0) while a stub happened to run is not the stub's fault.
        Emit(
            $"ldr w9, [x1, #{LinuxArm64Abi.SigInfoCodeOffset}]",
            "cmp w9, #0",
            "b.le foreign",
            "adr x9, recover",
            $"str x9, [x2, #{LinuxArm64Abi.ContextPcOffset}]",
            $"ldr x9, [x1, #{LinuxArm64Abi.SigInfoAddressOffset}]",
            "mov w10, w0",
            $"stp x9, x10, [x2, #{LinuxArm64Abi.ContextX0Offset}]",
            "ret");

        Mark("foreign");
        Emit(
            $"cmp w0, #{LinuxArm64Abi.SIGBUS}",
            "b.eq foreign_bus",
            "ldr x9, segv_mode",
            "ldr x16, segv_previous",
            "b chain");
        Mark("foreign_bus");
        Emit(
            "ldr x9, bus_mode",
            "ldr x16, bus_previous");
        Mark("chain");
        Emit(
            "cbnz x9, unchained",
            "br x16");
        EmitUnchained();

        // Stubs change neither the stack pointer nor the return address, so that a return is right at any of their instructions. The handler has put the address
        // into x0 and the signal into x1.
        Mark("recover", 16);
        Emit("ret");
    }

    /// <summary>
    /// Mode 1: the default action was installed; 2: the signal was ignored; 3: a handler that wanted to be called once. The default action is put back and the
    /// faulting instruction, run again, dies as it would have; a signal that was sent is sent again.
    /// </summary>
    private void EmitUnchained()
    {
        Mark("unchained");
        Emit(
            $"ldr w10, [x1, #{LinuxArm64Abi.SigInfoCodeOffset}]",
            "cmp w9, #2",
            "b.ne put_back",
            "cmp w10, #0",
            "b.le leave");

        // A system call changes x0 alone.
        Mark("put_back");
        Emit(
            "mov x11, x0",
            "mov x12, x1",
            "mov x13, x2",
            $"mov x8, #{LinuxArm64Abi.SYS_rt_sigaction}",
            "adr x1, default_action",
            "mov x2, xzr",
            $"mov x3, #{LinuxArm64Abi.KernelSignalSetSize}",
            "svc #0",
            "mov x0, x11",
            "mov x1, x12",
            "mov x2, x13",
            "cmp w9, #3",
            "b.ne send_again",
            "br x16");

        Mark("send_again");
        Emit(
            "cmp w10, #0",
            "b.gt leave",
            $"mov x8, #{LinuxArm64Abi.SYS_gettid}",
            "svc #0",
            "mov x1, x0",
            $"mov x8, #{LinuxArm64Abi.SYS_getpid}",
            "svc #0",
            "mov x2, x11",
            $"mov x8, #{LinuxArm64Abi.SYS_tgkill}",
            "svc #0");
        Mark("leave");
        Emit("ret");
    }

    private void EmitData()
    {
        Mark("data", 64);
        EmitWord("0");
        foreach (string name in (string[])["segv_previous", "segv_mode", "bus_previous", "bus_mode", "restartable_area"])
        {
            Mark(name);
            EmitWord("0");
        }

        Mark("default_action");
        for (int i = 0; i < 4; i++)
        {
            EmitWord("0");
        }

        EmitSequences();
    }
}
