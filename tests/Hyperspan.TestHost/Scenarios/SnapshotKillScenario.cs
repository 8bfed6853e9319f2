using System.Diagnostics;
using System.Globalization;
using Hyperspan.Snapshots;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>
/// Saves a snapshot over one that is there, and is killed in the middle: by itself at the n-th read of memory or of a section, which the second argument says, or from outside
/// when it has written a line. The first argument is the path.
/// </summary>
public sealed class SnapshotKillScenario : IScenario
{
    public string Name => "snapshot-kill";

    /// <summary>The bytes of every page after the first word of it, which is the page's number.</summary>
    public static byte NewGeneration => 2;

    public int Run(string[] arguments)
    {
        int killAt = int.Parse(arguments[1], CultureInfo.InvariantCulture);
        var counter = new Countdown(killAt);
        using var memory = new GuestMemory(new DyingBacking(counter), "dying");
        SnapshotSection[] sections = [new("state", new DyingStream(counter, announce: killAt < 0))];
        GuestMemorySnapshot.SaveAsync(memory, arguments[0], new SnapshotSaveOptions { Sections = sections }).GetAwaiter().GetResult();
        return ScenarioExit.Success;
    }

    private sealed class Countdown(int left)
    {
        private int _left = left;

        public void Next()
        {
            if (Interlocked.Decrement(ref _left) == 0)
            {
                Process.GetCurrentProcess().Kill();
            }
        }
    }

    private sealed class DyingBacking(Countdown counter) : GuestMemoryBacking
    {
        public override ulong Length => 8 << 20;

        protected internal override BackingResult ReadFallback(ulong offset, Span<byte> destination)
        {
            counter.Next();
            destination.Fill(NewGeneration);
            return BackingResult.Success;
        }
    }

    private sealed class DyingStream(Countdown counter, bool announce) : MemoryStream(new byte[2 << 20])
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            counter.Next();
            int read = Read(buffer.Span[..Math.Min(buffer.Length, 100 << 10)]);
            if (read == 0 && announce)
            {
                // All that is left is the directory, the flush and the renaming.
                Console.Out.WriteLine("nearly done");
                Console.Out.Flush();
            }

            return ValueTask.FromResult(read);
        }
    }
}
