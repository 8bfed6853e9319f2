using System.Globalization;
using System.Runtime.CompilerServices;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>
/// Calls methods that consist of one access until they are fully optimized, so that the parent can see in the JIT's listing how much code an inlined access is.
/// Argument: the milliseconds that the JIT has after each of six rounds.
/// </summary>
public sealed class InlinedReadScenario : IScenario
{
    public string Name => "inlined-read";

    public int Run(string[] arguments)
    {
        int pause = int.Parse(arguments[0], CultureInfo.InvariantCulture);
        using var memory = GuestMemory.Allocate(1 << 16);
        ulong sum = 0;
        for (int round = 0; round < 6; round++)
        {
            for (ulong i = 0; i < 1000; i++)
            {
                MeasuredWrite(memory, i * 8, i);
                sum += MeasuredRead(memory, i * 8);
                MeasuredExchange(memory, i * 8, i);
            }

            Thread.Sleep(pause);
        }

        return sum == 6 * 999 * 1000 / 2 ? ScenarioExit.Success : ScenarioExit.Failure;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong MeasuredRead(GuestMemory memory, ulong address) => memory.Read<ulong>(address);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong MeasuredExchange(GuestMemory memory, ulong address, ulong value) => memory.CompareExchange(address, value, value);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void MeasuredWrite(GuestMemory memory, ulong address, ulong value) => memory.Write(address, value);
}
