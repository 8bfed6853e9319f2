using System.Diagnostics;
using System.Runtime.InteropServices;
using Hyperspan.Guarding;
using Hyperspan.Interop.Linux;
using Hyperspan.Interop.Windows;
using Hyperspan.TestHost.Storms;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>
/// A SIGSEGV or SIGBUS that is not the guard's, with different handlers installed before ours.
/// Arguments: runtime, exit77, plain77, once, default or ignored; then segv, bus (faults) or sent (a signal somebody sends);
/// then <c>memory</c> to have the guard installed, and tried, by a <see cref="GuestMemory"/>. On Windows: runtime or exit77, then segv.
/// </summary>
public sealed unsafe partial class GuardForeignFaultScenario : IScenario
{
    public const int HandlerExitCode = 77;

    public string Name => "guard-foreign-fault";

    public int Run(string[] arguments)
    {
        using var bus = new FaultyMemory(truncatedFile: true);
        using var segv = new FaultyMemory(truncatedFile: false);
        Debug.Assert(arguments.Length is 2 or 3);
        Prepare(arguments[0]);
        if (arguments.Length == 3)
        {
            return ThroughMemory(arguments[1]);
        }

        Guard.EnsureInstalled();
        if (!Guard.UsesMachineCode)
        {
            Console.WriteLine(Guard.Description);
            return ScenarioExit.Unavailable;
        }

        // Our own faults are recovered whatever was there before.
        if (Guard.Load<byte>(segv.Bad).Status != LinuxConstants.SIGSEGV || Guard.Load<byte>(bus.Bad).Status != (ulong)bus.Signal)
        {
            return ScenarioExit.Failure;
        }

        Console.WriteLine("recovered");
        Console.Out.Flush();
        switch (arguments[1])
        {
            case "segv":
                Console.WriteLine(*segv.Bad);
                break;
            case "bus":
                Console.WriteLine(*bus.Bad);
                break;
            default:
                _ = Raise(LinuxConstants.SIGSEGV);
                Thread.Sleep(50);
                break;
        }

        Console.WriteLine("survived");
        return ScenarioExit.Success;
    }

    private static int ThroughMemory(string fault)
    {
        const ulong Page = MemoryZoo.Page;
        using SafeFileHandle file = MemoryZoo.MemoryFile(Page);
        FileBacking truncated = new FileBacking(file, FileAccess.ReadWrite);
        _ = LibC.Ftruncate(file, 0);
        var hole = new SparseBacking(Page);
        using GuestMemory memory = new GuestMemoryBuilder("ram").AddRegion(0, hole).AddRegion(Page, truncated).Build();
        if (!Guard.UsesMachineCode)
        {
            Console.WriteLine(Guard.Description);
            return ScenarioExit.Unavailable;
        }

        if (memory.TryRead(8, out uint _, out GuestMemoryFault first)
            || memory.TryWrite(Page + 8, 1u, out GuestMemoryFault second)
            || first.Cause != FaultCause.SegmentationFault
            || second.Cause != FaultCause.BusError)
        {
            return ScenarioExit.Failure;
        }

        Console.WriteLine("recovered");
        Console.Out.Flush();
        Console.WriteLine(fault == "segv" ? *hole.Mapping : *truncated.Mapping);
        Console.WriteLine("survived");
        return ScenarioExit.Success;
    }

    private static void Prepare(string handler)
    {
        SignalAction action = default;
        switch (handler)
        {
            case "runtime":
                return;
            case "exit77" when OperatingSystem.IsWindows():
                if (Kernel32.AddVectoredExceptionHandler(1, TerminatingHandler()) == 0)
                {
                    throw new InvalidOperationException("AddVectoredExceptionHandler fails");
                }

                return;
            case "exit77":
                action.Handler = ExitHandler();
                action.Flags = LinuxConstants.SA_SIGINFO;
                break;
            case "plain77":
                action.Handler = ExitHandler();
                break;
            case "once":
                action.Handler = ReturningHandler();
                action.Flags = LinuxConstants.SA_RESETHAND;
                break;
            case "default":
                action.Handler = LinuxConstants.SIG_DFL;
                break;
            case "ignored":
                action.Handler = LinuxConstants.SIG_IGN;
                break;
            default:
                throw new ArgumentException("unknown handler " + handler, nameof(handler));
        }

        foreach (var signal in (int[])[LinuxConstants.SIGSEGV, LinuxConstants.SIGBUS])
        {
            if (LibC.SigAction(signal, &action, null) != 0)
            {
                throw new InvalidOperationException("sigaction fails");
            }
        }
    }

    /// <summary>
    /// mov rax, [rcx]; cmp dword [rax], 0xC0000005; jne +28; sub rsp, 40; mov rcx, -1; mov edx, 77; mov rax, TerminateProcess; call rax; xor eax, eax; ret
    /// </summary>
    private static void* TerminatingHandler()
    {
        nint terminate = NativeLibrary.GetExport(NativeLibrary.Load("kernel32"), "TerminateProcess");
        return ExecutablePage.TryCreate(
        [
            0x48, 0x8B, 0x01, 0x81, 0x38, 0x05, 0, 0, 0xC0, 0x75, 28, 0x48, 0x83, 0xEC, 40, 0x48, 0xC7, 0xC1, 0xFF, 0xFF, 0xFF, 0xFF, 0xBA, HandlerExitCode, 0, 0, 0, 0x48, 0xB8,
            .. BitConverter.GetBytes(terminate), 0xFF, 0xD0, 0x31, 0xC0, 0xC3,
        ]);
    }

    /// <summary>mov edi, 77; mov eax, 231 (exit_group); syscall</summary>
    private static nint ExitHandler() =>
        (nint)ExecutablePage.TryCreate([0xBF, HandlerExitCode, 0, 0, 0, 0xB8, 231, 0, 0, 0, 0x0F, 0x05]);

    /// <summary>
    /// Writes "handled" and returns: mov edi, 1; lea rsi, [rip+13]; mov edx, 8; mov eax, 1 (write); syscall; ret
    /// </summary>
    private static nint ReturningHandler() => (nint)ExecutablePage.TryCreate(
    [
        0xBF, 1, 0, 0, 0, 0x48, 0x8D, 0x35, 13, 0, 0, 0, 0xBA, 8, 0, 0, 0, 0xB8, 1, 0, 0, 0, 0x0F, 0x05, 0xC3,
        (byte)'h', (byte)'a', (byte)'n', (byte)'d', (byte)'l', (byte)'e', (byte)'d', (byte)'\n',
    ]);

    [LibraryImport("libc", EntryPoint = "raise")]
    private static partial int Raise(int signal);
}
