using System.Diagnostics;

using Hyperspan.Snapshots;
using Hyperspan.Tests.Infrastructure;

namespace Hyperspan.Tests.Snapshots;

/// <summary>A process that is killed while it saves leaves the old snapshot or the new one.</summary>
public sealed class SnapshotKillTests : IDisposable
{
    private const ulong Size = 8 << 20;

    private readonly SnapshotBed _bed = new();

    public SnapshotKillTests() => Skip.IfNot(OperatingSystem.IsLinux(), "needs Linux");

    public void Dispose() => _bed.Dispose();

    [SkippableFact]
    public async Task Old_or_new_is_there_wherever_it_is_killed()
    {
        using var memory = new GuestMemory(new HeapBacking(Size), "ram");
        memory.Fill(0, 1, Size);
        int killed = 0;
        int renewed = 0;

        // 32 reads of memory and 21 of the section, then five times somewhere in what follows.
        for (int point = 1; point <= 50; point++)
        {
            await GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("a"));
            if (point <= 45)
            {
                ChildProcess.Run("snapshot-kill", _bed.PathOf("a"), $"{point}").ExitCode.ShouldBe(128 + 9);
                killed++;
            }
            else
            {
                KillAtTheEnd(point - 46);
            }

            using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(_bed.PathOf("a"));
            await snapshot.VerifyAsync();
            byte[] all = new byte[Size];
            snapshot.Read(0, all);
            all.AsSpan().ContainsAnyExcept(all[0]).ShouldBeFalse($"point {point}");
            all[0].ShouldBeOneOf((byte)1, (byte)2);
            renewed += all[0] == 2 ? 1 : 0;
            if (point <= 45)
            {
                all[0].ShouldBe((byte)1);
            }

            // Where files have no name until they are complete, nothing is left of one that never was. (Killed in the instant between having one and taking the place, it is.)
            if (point <= 45 && UnnamedFile.CanBeNamed(_bed.PathOf("."), _bed.PathOf("try")))
            {
                _bed.Names().ShouldBe(["a"]);
            }

            foreach (string name in _bed.Names().Where(name => name.EndsWith(".part", StringComparison.Ordinal)).ToArray())
            {
                File.Delete(_bed.PathOf(name));
            }

            _bed.Names().ShouldBe(["a"]);
        }

        killed.ShouldBe(45);
        ChildProcess.Run("snapshot-kill", _bed.PathOf("a"), "0").ExitCode.ShouldBe(0);
        using GuestMemorySnapshot last = GuestMemorySnapshot.Open(_bed.PathOf("a"));
        byte[] first = new byte[1];
        last.Read(0, first);
        first[0].ShouldBe((byte)2);
    }

    private void KillAtTheEnd(int milliseconds)
    {
        using Process child = Process.Start(ChildProcess.StartOf("snapshot-kill", [_bed.PathOf("a"), "-1"]))!;
        child.StandardOutput.ReadLine().ShouldBe("nearly done");
        Thread.Sleep(milliseconds);
        child.Kill();
        child.WaitForExit();
    }
}
