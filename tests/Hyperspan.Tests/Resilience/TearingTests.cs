using System.Diagnostics;

namespace Hyperspan.Tests.Resilience;

/// <summary>
/// Writers flip aligned values between two patterns as fast as they can; nobody may ever see a third. And a value that was checked is the
/// value that is used: each is read once.
/// </summary>
[Trait("Category", "slow")]
public sealed class TearingTests
{
    private const ulong Page = 4096;
    private const ulong At = Page - 64;

    private static readonly TimeSpan Budget = TimeSpan.FromSeconds(LongRun.IsOn ? 10 : 0.3);

    public static TheoryData<string> Paths => ["direct", "guarded", "bitmap", "blocking", "table"];

    [LinuxTheory]
    [MemberData(nameof(Paths))]
    public void Aligned_values_are_never_torn(string path)
    {
        using GuestMemory memory = Create(path);
        Watch<ushort>(memory, 0x1122, 0xaabb);
        Watch(memory, 0x11223344u, 0xaabbccddu);
        Watch(memory, 0x1122334455667788UL, 0xaabbccddeeff0011UL);
    }

    [LinuxTheory]
    [MemberData(nameof(Paths))]
    public void Compare_exchange_finds_only_what_was_written(string path)
    {
        using GuestMemory memory = Create(path);
        const ulong First = 0x1122334455667788UL;
        const ulong Second = 0xaabbccddeeff0011UL;
        memory.Write(At, First);
        bool over = false;
        Task other = Task.Run(() =>
        {
            while (!Volatile.Read(ref over))
            {
                memory.CompareExchange(At, First, Second);
                memory.CompareExchange(At, Second, First);
            }
        });
        ulong odd = 0;
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < Budget && odd == 0;)
        {
            ulong found = memory.CompareExchange(At, Second, First);
            odd = found is First or Second ? odd : found;
        }

        Volatile.Write(ref over, value: true);
        other.Wait();
        odd.ShouldBe(0UL);
    }

    /// <summary>Each of several threads adds to the same counter by compare-exchange: none is lost.</summary>
    [LinuxTheory]
    [MemberData(nameof(Paths))]
    public void Compare_exchange_loses_no_update(string path)
    {
        using GuestMemory memory = Create(path);
        const int Each = 20_000;
        Parallel.For(0, 4, _ =>
        {
            for (int i = 0; i < Each; i++)
            {
                uint seen = memory.Read<uint>(At);
                for (uint found; (found = memory.CompareExchange(At, seen + 1, seen)) != seen; seen = found)
                {
                }
            }
        });
        memory.Read<uint>(At).ShouldBe(4u * Each);
    }

    /// <summary>A ring as virtio has it: entries first, then the index by release; who sees the index by acquire sees the entries.</summary>
    [LinuxTheory]
    [MemberData(nameof(Paths))]
    public void Index_written_by_release_shows_the_entries_before_it(string path)
    {
        using GuestMemory memory = Create(path);
        const int Entries = 256;
        bool over = false;
        Task producer = Task.Run(() =>
        {
            for (ushort index = 1; !Volatile.Read(ref over); index++)
            {
                // Half a ring ahead at most, so that an entry that is looked at is not the one that is written.
                while ((ushort)(index - memory.VolatileRead<ushort>(At + 2)) > Entries / 2 && !Volatile.Read(ref over))
                {
                    Thread.SpinWait(1);
                }

                memory.Write(Page + (ulong)(index % Entries * 8), index * 0x0001000100010001UL);
                memory.VolatileWrite(At, index);
            }
        });
        ushort done = 0;
        long seen = 0;
        string? odd = null;
        for (var clock = Stopwatch.StartNew(); (clock.Elapsed < Budget || seen == 0) && odd is null;)
        {
            ushort index = memory.VolatileRead<ushort>(At);
            for (; done != index; seen++)
            {
                done++;
                ulong entry = memory.Read<ulong>(Page + (ulong)(done % Entries * 8));
                odd ??= entry == done * 0x0001000100010001UL ? null : $"entry {done} is {entry:x}";
            }

            memory.VolatileWrite(At + 2, done);
        }

        Volatile.Write(ref over, value: true);
        producer.Wait();
        odd.ShouldBeNull();
        seen.ShouldBeGreaterThan(0);
    }

    [LinuxFact]
    public void Value_that_was_checked_is_the_value_that_is_used()
    {
        using GuestMemory memory = Create("guarded");

        // A length and its complement in one value: whoever reads it twice meets halves of two.
        bool over = false;
        Task guest = Task.Run(() =>
        {
            for (uint length = 1; !Volatile.Read(ref over); length = (length * 1664525) + 1013904223)
            {
                memory.Write(At, ((ulong)~length << 32) | length);
            }
        });
        SpinWait.SpinUntil(() => memory.Read<ulong>(At) != 0);
        ulong odd = 0;
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < Budget && odd == 0;)
        {
            ulong descriptor = memory.Read<ulong>(At);
            odd = (uint)descriptor == ~(uint)(descriptor >> 32) ? 0 : descriptor;
        }

        Volatile.Write(ref over, value: true);
        guest.Wait();
        odd.ShouldBe(0UL);
    }

    private static void Watch<T>(GuestMemory memory, T first, T second)
        where T : unmanaged, IEquatable<T>
    {
        memory.Write(At, first);
        bool over = false;
        Task writer = Task.Run(() =>
        {
            while (!Volatile.Read(ref over))
            {
                memory.Write(At, second);
                memory.Write(At, first);
            }
        });
        T? odd = null;
        int firsts = 0;
        int seconds = 0;
        for (var clock = Stopwatch.StartNew(); (clock.Elapsed < Budget || firsts == 0 || seconds == 0) && odd is null;)
        {
            T value = memory.Read<T>(At);
            firsts += value.Equals(first) ? 1 : 0;
            seconds += value.Equals(second) ? 1 : 0;
            odd = value.Equals(first) || value.Equals(second) ? odd : value;
        }

        Volatile.Write(ref over, value: true);
        writer.Wait();
        odd.ShouldBeNull();
    }

    private static GuestMemory Create(string path)
    {
        return path switch
        {
            "direct" => GuestMemory.Allocate(4 * Page),
            "guarded" => new GuestMemory(Committed(), path),
            "blocking" => new GuestMemory(Committed(FaultBehavior.MayBlock), path),
            "bitmap" => new GuestMemory(new MappedBacking(Committed(), [0xff]), path),
            "table" => new GuestMemoryBuilder(path).AddRegion(0, new HeapBacking(Page)).AddRegion(Page, new HeapBacking(3 * Page)).Build(),
            _ => throw new ArgumentException(path, nameof(path)),
        };

        static SparseBacking Committed(FaultBehavior behavior = FaultBehavior.MayFault)
        {
            var mapping = new SparseBacking(4 * Page, new SparseBackingOptions { FaultBehavior = behavior });
            mapping.Commit(0, 4 * Page);
            return mapping;
        }
    }
}
