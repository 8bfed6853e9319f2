using System.Runtime.InteropServices;

using Hyperspan.Synchronization;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>
/// Faults on threads that block the signals of faults. Argument: <c>inherited</c> (the process was started so), <c>prepared</c> (a thread blocks them, as a native
/// library's does, and is prepared), <c>restricted</c> (such a thread's first access is one under access bitmaps), <c>control</c> (it is not prepared: the process dies).
/// </summary>
public sealed unsafe partial class BlockedSignalsScenario : IScenario
{
    private const int Block = 0;
    private const ulong Page = 4096;

    public string Name => "blocked-signals";

    public int Run(string[] arguments)
    {
        using var memory = new GuestMemory(new SparseBacking(4 * Page), "ram");
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, new byte[2 * Page]);
            using var file = new GuestMemory(new FileBacking(path, FileAccess.ReadWrite), "file");
            File.WriteAllBytes(path, new byte[Page]);
            bool faults = arguments[0] == "inherited"
                ? Fault(memory, file) & OnThread(() => Fault(memory, file)) & Task.Run(() => Fault(memory, file)).Result
                : OnThread(() =>
                {
                    BlockAll();
                    if (arguments[0] == "prepared")
                    {
                        HyperspanEnvironment.PrepareThread();
                    }
                    else if (arguments[0] == "restricted")
                    {
                        using (RcuDomain.GuestMemory.Enter())
                        {
                        }
                    }

                    return Fault(memory, file);
                });
            Console.WriteLine(faults ? "faults" : "accessed");
            return faults ? ScenarioExit.Success : ScenarioExit.Failure;
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static bool Fault(GuestMemory memory, GuestMemory file) =>
        !memory.TryRead(Page, out ulong _, out GuestMemoryFault segv) && segv.Cause == FaultCause.SegmentationFault
        && !memory.TryWrite(2 * Page, new byte[300], out segv) && segv.Cause == FaultCause.SegmentationFault
        && !file.TryRead(Page, out uint _, out GuestMemoryFault bus) && bus.Cause == FaultCause.BusError;

    private static bool OnThread(Func<bool> action)
    {
        bool result = false;
        var thread = new Thread(() => result = action());
        thread.Start();
        thread.Join();
        return result;
    }

    private static void BlockAll()
    {
        ulong* signals = stackalloc ulong[16];
        new Span<ulong>(signals, 16).Clear();
        signals[0] = (1UL << 10) | (1UL << 6);
        if (SetMask(Block, signals, null) != 0)
        {
            throw new InvalidOperationException("The signals cannot be blocked.");
        }
    }

    [LibraryImport("libc", EntryPoint = "pthread_sigmask")]
    private static partial int SetMask(int how, ulong* set, ulong* old);
}
