using System.Globalization;
using System.Runtime.InteropServices;
using Hyperspan.Guarding;
using Hyperspan.Interop.Linux;
using Hyperspan.TestHost.Storms;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>
/// A thread that faults all the time is interrupted all the time, by a profiler's signal, whose handler does nothing, and by the one that the runtime suspends threads
/// with. Arguments: <c>guarded</c> (accesses that the guard recovers), <c>nulls</c> (null references, with the guard installed) or <c>control</c> (null references,
/// nothing of this library installed); <c>alternate</c> or <c>current</c>, the stack that the profiler's handler asks for; the number of faults.
/// </summary>
/// <remarks>
/// <c>nulls</c> and <c>control</c> end the process, for two reasons, both of them the runtime's. Its handler of SIGSEGV starts on the thread's alternate stack and does
/// its work on the thread's own, while it still needs the frame on the alternate one: a handler that asks for the alternate stack then gets it from the top, and lands on
/// that frame. And at the end it restores a context of 3 KiB on the alternate stack, where no second signal fits if frames are of AVX-512's size.
/// </remarks>
public sealed unsafe partial class SignalStackScenario : IScenario
{
    // How many pairs of signals may go to the other thread before it must have got on.
    private const int MostUnanswered = 8;

    private volatile bool _done;
    private long _sent;
    private long _passed;

    public string Name => "signal-stack";

    public int Run(string[] arguments)
    {
        bool guarded = arguments[0] == "guarded";
        if (arguments[0] != "control")
        {
            Guard.EnsureInstalled();
            if (!Guard.UsesMachineCode)
            {
                Console.WriteLine(Guard.Description);
                return ScenarioExit.Unavailable;
            }
        }

        // Not where the runtime has no handler for it: then it would end the process.
        int activation = FirstRealTimeSignal();
        SignalAction runtime = default;
        if (!ProfilingTimer.TryHandle(onAlternateStack: arguments[1] == "alternate")
            || LibC.SigAction(activation, null, &runtime) != 0 || runtime.Handler is LinuxConstants.SIG_DFL)
        {
            Console.WriteLine("the signals cannot be handled");
            return ScenarioExit.Unavailable;
        }

        long faults = long.Parse(arguments[2], CultureInfo.InvariantCulture);
        int target = GetTid();
        var sender = new Thread(() => Send(target, activation));
        sender.Start();
        using var segv = new FaultyMemory(truncatedFile: false);
        using var bus = new FaultyMemory(truncatedFile: true);
        bool right = guarded ? Fault(segv, bus, faults) : CatchNulls(faults);
        _done = true;
        sender.Join();
        Console.WriteLine($"faults={faults} signals={_sent}");
        return right && _sent > 0 ? ScenarioExit.Success : ScenarioExit.Failure;
    }

    private bool Fault(FaultyMemory segv, FaultyMemory bus, long count)
    {
        bool right = true;
        byte* local = stackalloc byte[512];
        for (long i = 0; i < count; i++)
        {
            Volatile.Write(ref _passed, i);
            FaultyMemory memory = i % 2 == 0 ? segv : bus;
            nuint offset = (nuint)(i % 300);
            GuardedResult result = (i / 2 % 4) switch
            {
                0 => Guard.Load<ulong>(memory.Bad + offset),
                1 => Guard.Store(memory.Bad + offset, 1U),
                2 => Guard.Copy(local, memory.Bad - offset, 301, mayBlock: false),
                _ => Guard.Copy(memory.Bad - offset, local, 301, mayBlock: false),
            };
            right &= result.Status == (ulong)memory.Signal;
        }

        return right;
    }

    private bool CatchNulls(long count)
    {
        string? nothing = Environment.GetEnvironmentVariable("HYPERSPAN_THIS_IS_NOT_SET");
        long caught = 0;
        for (long i = 0; i < count; i++)
        {
            Volatile.Write(ref _passed, i);
            try
            {
                caught -= nothing!.Length;
            }
            catch (NullReferenceException)
            {
                caught++;
            }
        }

        return caught == count;
    }

    private void Send(int target, int activation)
    {
        int process = LibC.GetPid();
        int unanswered = 0;
        long seen = 0;
        while (!_done)
        {
            // Signals that come faster than they are handled would keep the other thread in handlers for good.
            long passed = Volatile.Read(ref _passed);
            unanswered = passed == seen ? unanswered + 1 : 0;
            seen = passed;
            if (unanswered >= MostUnanswered)
            {
                Thread.Yield();
                continue;
            }

            _ = Tgkill(process, target, ProfilingTimer.Signal);
            _ = Tgkill(process, target, activation);
            _sent += 2;

            // In the middle of something, not always at its beginning.
            Thread.SpinWait(100);
        }
    }

    [LibraryImport("libc", EntryPoint = "gettid")]
    private static partial int GetTid();

    [LibraryImport("libc", EntryPoint = "tgkill")]
    private static partial int Tgkill(int process, int thread, int signal);

    [LibraryImport("libc", EntryPoint = "__libc_current_sigrtmin")]
    private static partial int FirstRealTimeSignal();
}
