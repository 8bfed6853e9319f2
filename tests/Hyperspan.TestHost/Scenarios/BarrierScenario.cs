using System.Runtime.InteropServices;
using Hyperspan.Guarding;
using Hyperspan.Synchronization;
using Hyperspan.TestHost.Storms;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>
/// Synchronizes on a thread that may not issue a barrier, and is ended by SIGSYS if it does. Arguments: what to synchronize (<c>domain</c>, <c>quiescent</c>: a domain
/// that no thread takes part in, <c>restrictions</c>, <c>memory</c> and <c>memory-async</c>: the domain of guest memory, or <c>control</c>: the runtime's barrier
/// itself), and what is forbidden (<c>fence</c> or <c>restart</c>).
/// </summary>
public sealed class BarrierScenario : IScenario
{
    private const long NoCollectionBytes = 1 << 20;

    public string Name => "barrier";

    public int Run(string[] arguments)
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
        {
            Console.WriteLine("readers and writers are fenced another way here");
            return ScenarioExit.Unavailable;
        }

        if (arguments is ["restrictions" or "memory" or "memory-async", "restart"] && !Guard.SupportsRestartableSequences)
        {
            Console.WriteLine(Guard.Description);
            return ScenarioExit.Unavailable;
        }

        var domain = new RcuDomain("barrier");
        Action? synchronize = arguments[0] switch
        {
            "control" => Interlocked.MemoryBarrierProcessWide,
            "domain" or "quiescent" => () => domain.Synchronize(),
            "restrictions" => () => GuestMemory.SynchronizeRestrictions(),
            "memory" => () => RcuDomain.GuestMemory.Synchronize(),
            "memory-async" => () => RcuDomain.GuestMemory.SynchronizeAsync().GetAwaiter().GetResult(),
            _ => null,
        };
        uint command = arguments[1] == "restart" ? ForbiddenBarrier.Restart : ForbiddenBarrier.Fence;
        if (synchronize is null)
        {
            return ScenarioExit.Usage;
        }

        // A thread that has been in sections of both domains, lives, and may enter others at any moment.
        using var attached = new ManualResetEventSlim();
        using var end = new ManualResetEventSlim();
        var reader = new Thread(() =>
        {
            if (arguments[0] != "quiescent")
            {
                domain.Enter().Dispose();
                RcuDomain.GuestMemory.Enter().Dispose();
            }

            attached.Set();
            end.Wait();
        });
        reader.Start();
        attached.Wait();

        // Whatever the runtime does at the first call it shall do now; and this thread shall not collect garbage, for which the runtime issues barriers as well.
        synchronize();
        GC.TryStartNoGCRegion(NoCollectionBytes);
        Console.WriteLine("armed");
        Console.Out.Flush();
        if (!ForbiddenBarrier.TryForbid(command, out string reason))
        {
            Console.WriteLine(reason);
            end.Set();
            return ScenarioExit.Unavailable;
        }

        synchronize();
        Console.WriteLine("survived");
        end.Set();
        reader.Join();
        return ScenarioExit.Success;
    }
}
