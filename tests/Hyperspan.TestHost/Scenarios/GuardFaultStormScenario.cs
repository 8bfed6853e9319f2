using System.Globalization;
using Hyperspan.Guarding;
using Hyperspan.TestHost.Storms;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>
/// Faults by the hundred thousand on four threads, while one thread collects garbage without pause and others catch
/// NullReferenceExceptions, which come from the same signal. Argument: the number of faults.
/// </summary>
public sealed unsafe class GuardFaultStormScenario : IScenario
{
    private const int Threads = 4;

    private const int AtLeast = 50;

    // The storm begins when the first collection and the first exceptions, which take their time, are over.
    private readonly CountdownEvent _warm = new(3);

    private readonly Collections _collections = new();

    private volatile bool _done;
    private volatile string? _error;
    private long _nulls;

    public string Name => "guard-fault-storm";

    public int Run(string[] arguments)
    {
        var faults = int.Parse(arguments[0], CultureInfo.InvariantCulture);
        using var segv = new FaultyMemory(truncatedFile: false);
        using var bus = new FaultyMemory(truncatedFile: true);
        Thread[] others = [Start(Collect), Start(CatchNulls), Start(CatchNulls)];
        _warm.Wait();
        var storm = new Thread[Threads];
        for (var i = 0; i < Threads; i++)
        {
            FaultyMemory memory = i % 2 == 0 ? segv : bus;
            var mayBlock = i >= 2;
            storm[i] = Start(() => Fault(memory, mayBlock, faults / Threads));
        }

        Array.ForEach(storm, x => x.Join());
        _done = true;
        Array.ForEach(others, x => x.Join());
        Console.WriteLine($"faults={faults} nulls={_nulls} collections={_collections.Count} machine={Guard.UsesMachineCode}");
        Console.Write(_error);
        return _error is null ? ScenarioExit.Success : ScenarioExit.Failure;
    }

    private static Thread Start(ThreadStart body)
    {
        var thread = new Thread(body);
        thread.Start();
        return thread;
    }

    private void Fault(FaultyMemory memory, bool mayBlock, int count)
    {
        byte* bad = memory.Bad;
        var signal = Guard.UsesMachineCode ? (ulong)memory.Signal : 11;
        byte* local = stackalloc byte[256];
        byte* bitmap = stackalloc byte[1];
        *bitmap = 0xFF;
        var operations = Guard.SupportsRestartableSequences ? 13 : 8;
        for (var i = 0; i < count && _error is null; i++)
        {
            // Allocated here, so that a collection finds something to move on this stack.
            var witness = new int[] { i, i + 1 };
            var offset = (nuint)(i % 200);

            // What exchanges, or looks at a bit, wants alignment: arm64 insists on it.
            byte* aligned = bad + (offset & ~(nuint)7);
            GuardedResult result = (i % operations) switch
            {
                0 => Guard.Load<ulong>(bad + offset, mayBlock),
                1 => Guard.Store(bad + offset, 1U, mayBlock),
                2 => Guard.CompareExchange(aligned, 0UL, 0UL, mayBlock),
                3 => Guard.Copy(local, bad - offset, 256, mayBlock),
                4 => Guard.Copy(bad - offset, local, 256, mayBlock),
                5 => Guard.Fill(bad - offset, 0, 201, mayBlock),
                6 => Guard.ProbeWrite(bad + offset, mayBlock),
                7 => Guard.Load<byte>(bad + offset, mayBlock),
                8 => Guard.BitCheckedLoad<ushort>(aligned, bitmap, 3, GuardEntry.Code),
                9 => Guard.BitCheckedStore(aligned, 1UL, bitmap, 3, GuardEntry.Code),
                10 => Guard.BitCheckedCompareExchange(aligned, 1U, 0U, bitmap, 3, GuardEntry.Code),
                11 => Guard.BitCheckedRead(ref *local, bad + offset, 4 + (offset % 61), bitmap, 3, GuardEntry.Code + StubCode.BitCheckedReadOffset),
                _ => Guard.BitCheckedWrite(bad + offset, ref *local, 4 + (offset % 61), bitmap, 3, GuardEntry.Code + StubCode.BitCheckedWriteOffset),
            };
            if (result.Status != signal || witness[0] != i || witness[1] != i + 1)
            {
                _error = $"operation {i % operations}: status {result.Status} instead of {signal}";
            }

            if (!Guard.Load<ulong>(memory.Good + offset, mayBlock).Ok)
            {
                _error = "good memory failed";
            }
        }
    }

    private void Collect()
    {
        while (!_done || _collections.Count < AtLeast)
        {
            _collections.Collect();
            if (_collections.Count == 1)
            {
                _warm.Signal();
            }
        }
    }

    private void CatchNulls()
    {
        string? nothing = Environment.GetEnvironmentVariable("HYPERSPAN_THIS_IS_NOT_SET");
        for (var caught = 0; !_done || caught < AtLeast; caught++)
        {
            try
            {
                _ = nothing!.Length;
                _error = "no NullReferenceException";
            }
            catch (NullReferenceException)
            {
                Interlocked.Increment(ref _nulls);
                if (caught == 0)
                {
                    _warm.Signal();
                }
            }
        }
    }
}
