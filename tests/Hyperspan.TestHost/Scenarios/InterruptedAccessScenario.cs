using Hyperspan.Guarding;
using Hyperspan.TestHost.Storms;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>
/// A thread is interrupted while its access under access bitmaps waits for another one, in the substitute for the machine code. Argument: <c>store</c> or
/// <c>exchange</c>. The access goes on, the interrupt comes afterwards, and whoever restricts has nothing to wait for.
/// </summary>
public sealed unsafe class InterruptedAccessScenario : IScenario
{
    private const ulong Address = 0x2010;

    public string Name => "interrupted-access";

    public int Run(string[] arguments)
    {
        AppContext.SetSwitch(GuardInstallation.SubstituteSwitch, true);
        bool exchange = arguments is ["exchange"];
        var sparse = new SparseBacking(0x4000);
        sparse.Commit(0, 0x4000);
        using var memory = new GuestMemory(new RestrictedBacking(sparse), "ram");
        memory.Write(Address, 5L);

        string result = "";
        using var accessed = new ManualResetEventSlim();
        using var synchronized = new ManualResetEventSlim();
        var thread = new Thread(() =>
        {
            result = Access(memory, exchange);
            accessed.Set();
            synchronized.Wait();
        });
        Lock held = SubstituteGuard.LockFor(sparse.Mapping + Address);
        lock (held)
        {
            thread.Start();
            SpinWait.SpinUntil(() => thread.ThreadState == ThreadState.WaitSleepJoin);
            thread.Interrupt();
            Thread.Sleep(20);
        }

        accessed.Wait();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        try
        {
            GuestMemory.SynchronizeRestrictions(patience.Token);
        }
        catch (OperationCanceledException)
        {
            result += ", section left entered";
        }

        synchronized.Set();
        thread.Join();
        Console.WriteLine(result + ", " + memory.Read<long>(Address));
        return ScenarioExit.Success;
    }

    private static string Access(GuestMemory memory, bool exchange)
    {
        string result;
        try
        {
            bool done = exchange ? memory.TryCompareExchange(Address, 6L, 5L, out _, out long found, out _) && found == 5 : memory.TryWrite(Address, 6L, out _);
            result = done ? "done" : "failed";
        }
        catch (ThreadInterruptedException)
        {
            return "thrown";
        }

        try
        {
            Thread.Sleep(Timeout.Infinite);
        }
        catch (ThreadInterruptedException)
        {
            result += ", interrupted";
        }

        return result;
    }
}
