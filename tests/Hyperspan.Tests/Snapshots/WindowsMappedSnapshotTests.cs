using Hyperspan.Snapshots;
using Hyperspan.Tests.Infrastructure;

namespace Hyperspan.Tests.Snapshots;

/// <summary>Snapshots that are mapped, on a Windows that can lay parts of files among other memory.</summary>
public class WindowsMappedSnapshotTests
{
    [FilePartsFact]
    public async Task A_snapshot_is_a_memory_by_mapping_its_file()
    {
        using var bed = new SnapshotBed();
        using GuestMemory memory = SnapshotBed.CreateMemory();
        SnapshotBed.Scribble(memory, new Random(5), 400);
        await GuestMemorySnapshot.SaveAsync(memory, bed.PathOf("a"));
        byte[] expected = SnapshotBed.BytesOf(memory);
        GuestMemory mapped;
        using (GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(bed.PathOf("a")))
        {
            mapped = snapshot.CreateMemory("restored");
        }

        using (mapped)
        {
            SnapshotBed.BytesOf(mapped).ShouldEqual(expected);
            SnapshotBed.Scribble(mapped, new Random(6), 400);
            SnapshotBed.Scribble(memory, new Random(6), 400);
            SnapshotBed.BytesOf(mapped).ShouldEqual(SnapshotBed.BytesOf(memory));
        }

        using GuestMemorySnapshot again = GuestMemorySnapshot.Open(bed.PathOf("a"));
        using GuestMemory second = again.CreateMemory("second");
        // What was written stayed in the process.
        SnapshotBed.BytesOf(second).ShouldEqual(expected);
    }
}
