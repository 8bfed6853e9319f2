using System.Runtime.CompilerServices;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Tests.Backing;

/// <summary>Who has which addresses, and until when.</summary>
[Collection(nameof(LifetimeTests))]
public sealed unsafe class LifetimeTests
{
    private const ulong Size = 1UL << 40;

    private static readonly ulong Page = SelfProbe.Page;

    [Fact]
    public void Addresses_stay_taken_after_dispose_and_are_free_after_collection()
    {
        // So large that nothing else can come to lie there by chance.
        (ulong start, WeakReference weak) = Disposed();
        SelfProbe.CollectAll();
        weak.IsAlive.ShouldBeFalse();
        SelfProbe.MappedBytes(start, Size).ShouldBeLessThan(Size);

        [MethodImpl(MethodImplOptions.NoInlining)]
        static (ulong, WeakReference) Disposed()
        {
            SparseBacking mapping = new(Size);
            ulong start = (ulong)mapping.Mapping;
            mapping.Dispose();
            SelfProbe.CollectAll();
            SelfProbe.MappedBytes(start, Size).ShouldBe(Size);
            GC.KeepAlive(mapping);
            return (start, new WeakReference(mapping));
        }
    }

    [Fact]
    public void Memory_that_was_forgotten_instead_of_disposed_is_freed_too()
    {
        int descriptors = SelfProbe.SettledDescriptors();
        ulong start = Forgotten();
        SelfProbe.CollectAll();
        SelfProbe.MappedBytes(start, Size).ShouldBeLessThan(Size);
        SelfProbe.OpenDescriptors().ShouldBe(descriptors);

        [MethodImpl(MethodImplOptions.NoInlining)]
        static ulong Forgotten()
        {
            SparseBacking mapping = new(Size);
            using SafeFileHandle file = SelfProbe.MemoryFile(Page);
            mapping.MapFile(0, file, 0, Page, writable: true);
            _ = new SharedBacking(Page);
            _ = new ForeignBacking(file, 0, Page);
            return (ulong)mapping.Mapping;
        }
    }

    [Fact]
    public void Locks_and_calls_under_way_put_the_release_off()
    {
        HeapBacking memory = new(Page);
        memory.Mapping[0] = 1;
        memory.TryBeginUse().ShouldBeTrue();
        memory.Dispose();
        memory.Mapping[0].ShouldBe((byte)1);
        memory.EndUse();
        memory.Mapping[0].ShouldBe((byte)0);
        GC.KeepAlive(memory);
    }

    [Fact]
    public void Attached_memories_are_seen_until_they_are_collected()
    {
        using HeapBacking memory = new(Page);
        memory.HasLiveAttachments.ShouldBeFalse();
        Attach(memory);
        SelfProbe.CollectAll();
        memory.HasLiveAttachments.ShouldBeFalse();
        memory.TryAccess(0, (_, _) => { }).ShouldBeTrue();

        [MethodImpl(MethodImplOptions.NoInlining)]
        static void Attach(HeapBacking memory)
        {
            GuestMemory guest = new GuestMemoryBuilder("guest").AddRegion(0, memory).Build();
            memory.HasLiveAttachments.ShouldBeTrue();
            memory.TryAccess(0, (_, _) => { }).ShouldBeFalse();
            GC.KeepAlive(guest);
        }
    }

    [Fact]
    public void A_thousand_rounds_leak_neither_mappings_nor_descriptors()
    {
        using var temporary = new TemporaryFile(0);
        File.WriteAllBytes(temporary.Path, new byte[10_000]);
        Rounds(temporary.Path, 10);
        SelfProbe.CollectAll();
        int maps = SelfProbe.MapsCount();
        int descriptors = SelfProbe.SettledDescriptors();
        for (int i = 0; i < 10; i++)
        {
            Rounds(temporary.Path, 100);
            SelfProbe.CollectAll();
        }

        (SelfProbe.MapsCount() - maps).ShouldBeLessThan(100, "mappings come and go with the runtime's own; a leak would be 5000");
        SelfProbe.OpenDescriptors().ShouldBe(descriptors);

        [MethodImpl(MethodImplOptions.NoInlining)]
        static void Rounds(string path, int count)
        {
            for (int i = 0; i < count; i++)
            {
                // Every second one disposed, the others left to the collector.
                using HeapBacking heap = new(3 * Page, new() { Alignment = 1 << 20 });
                SharedBacking shared = new(2 * Page);
                using ForeignBacking foreign = new(shared.Handle, Page, Page);
                using FileBacking file = new FileBacking(path);
                SparseBacking sparse = new(16 * Page, new() { Name = "leak?" });
                sparse.Commit(Page, Page);
                sparse.MapFile(4 * Page, shared.Handle, 0, 2 * Page, writable: true);
                if ((i & 1) == 0)
                {
                    sparse.Dispose();
                    shared.Dispose();
                }
            }
        }
    }

    [Fact]
    public void Threads_that_change_a_mapping_at_once_leave_it_consistent()
    {
        using SparseBacking mapping = new(64 * Page);
        using SafeFileHandle file = SelfProbe.MemoryFile(64 * Page);
        Parallel.For(0, 4, new ParallelOptions { MaxDegreeOfParallelism = 4 }, seed =>
        {
            Random random = new(seed);
            for (int i = 0; i < 2000; i++)
            {
                ulong first = (ulong)random.Next(60);
                ulong offset = first * Page;
                ulong length = (ulong)random.Next(1, 5) * Page;
                switch (random.Next(5))
                {
                    case 0:
                        mapping.Commit(offset, length);
                        break;
                    case 1:
                        mapping.Unmap(offset, length);
                        break;
                    case 2:
                        mapping.MapZero(offset, length);
                        break;
                    case 3:
                        mapping.MapFile(offset, file, offset, length, writable: true);
                        break;
                    default:
                        mapping.GetShareableRegions().ShouldAllBe(region => region.Start == region.FileOffset);
                        break;
                }
            }
        });

        // What the table says is what the kernel has.
        bool[] shared = new bool[64];
        foreach (ShareableRegion region in mapping.GetShareableRegions())
        {
            shared.AsSpan((int)(region.Start / Page), (int)(region.Length / Page)).Fill(true);
        }

        foreach (SelfProbe.MapsLine line in SelfProbe.Maps((ulong)mapping.Mapping, mapping.Length))
        {
            bool isFile = line.Path.StartsWith("/memfd:test", StringComparison.Ordinal);
            for (ulong at = Math.Max(line.Start, (ulong)mapping.Mapping); at < Math.Min(line.End, (ulong)mapping.Mapping + mapping.Length); at += Page)
            {
                shared[(at - (ulong)mapping.Mapping) / Page].ShouldBe(isFile);
            }
        }

        SelfProbe.MappedBytes((ulong)mapping.Mapping, mapping.Length).ShouldBe(mapping.Length);
    }
}

/// <summary>Counts of descriptors and mappings are of the whole process: alone, please.</summary>
[CollectionDefinition(nameof(LifetimeTests), DisableParallelization = true)]
public sealed class LifetimeTestsAlone;
