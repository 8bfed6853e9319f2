namespace Hyperspan.Tests.Resilience;

/// <summary>
/// Every length from 1 to 300 at every position around the first byte of a page that cannot be accessed, by every operation of <see cref="GuestMemory"/> on bytes: the
/// address that is reported is exact, and nothing is touched that must not be.
/// </summary>
[Trait("Category", "slow")]
public class EdgeOfHoleTests
{
    private const int MaxLength = 300;

    // Of the good bytes before the hole, those that any access here can reach, and a few before.
    private const int Reach = MaxLength + 16;

    private const byte Old = 0x11;
    private const byte New = 0xee;
    private const byte Elsewhere = 0x77;

    private static readonly ulong Hole = HoleInMemory.Page;

    /// <summary>An operation on <c>length</c> bytes from <c>start</c>; answers whether it succeeded, and whether all is as it has to be.</summary>
    private delegate bool Operation(GuestMemory memory, ulong start, int length, out GuestMemoryFault fault, out bool intact);

    [SkippableTheory]
    [MemberData(nameof(HoleInMemory.Reasons), MemberType = typeof(HoleInMemory))]
    public void Reads_are_exact(string reason)
    {
        byte[] bytes = new byte[MaxLength + 16];
        using GuestMemory own = GuestMemory.Allocate(HoleInMemory.Page);
        Try(reason, writes: false, (GuestMemory memory, ulong start, int length, out GuestMemoryFault fault, out bool intact) =>
        {
            Array.Fill(bytes, Elsewhere);
            bool succeeded = memory.TryRead(start, bytes.AsSpan(8, length), out fault);

            // What a failed read leaves in its destination is either; beside it, nothing is touched.
            ReadOnlySpan<byte> read = bytes.AsSpan(8, length);
            intact = !bytes.AsSpan(0, 8).ContainsAnyExcept(Elsewhere) && !bytes.AsSpan(8 + length).ContainsAnyExcept(Elsewhere)
                && (succeeded ? !read.ContainsAnyExcept(Old) : !read.ContainsAnyExcept(Old, Elsewhere));
            return succeeded;
        });
        Try(reason, writes: false, (GuestMemory memory, ulong start, int length, out GuestMemoryFault fault, out bool intact) =>
        {
            own.Fill(0, Elsewhere, MaxLength + 16);
            bool succeeded = memory.TryCopyTo(start, own, 8, (ulong)length, out fault);
            own.Read(0, bytes);
            ReadOnlySpan<byte> read = bytes.AsSpan(8, length);
            intact = !bytes.AsSpan(0, 8).ContainsAnyExcept(Elsewhere) && !bytes.AsSpan(8 + length).ContainsAnyExcept(Elsewhere)
                && (succeeded ? !read.ContainsAnyExcept(Old) : !read.ContainsAnyExcept(Old, Elsewhere));
            return succeeded;
        });
        Try(reason, writes: false, (GuestMemory memory, ulong start, int length, out GuestMemoryFault fault, out bool intact) =>
        {
            intact = true;
            return memory.TryProbe(start, (ulong)length, AccessType.Read, out fault);
        });
    }

    [SkippableTheory]
    [MemberData(nameof(HoleInMemory.Reasons), MemberType = typeof(HoleInMemory))]
    public void Writes_are_exact(string reason)
    {
        byte[] bytes = new byte[MaxLength];
        Array.Fill(bytes, New);
        using GuestMemory own = GuestMemory.Allocate(HoleInMemory.Page);
        own.Fill(0, New, HoleInMemory.Page);
        Try(reason, writes: true, (GuestMemory memory, ulong start, int length, out GuestMemoryFault fault, out bool intact) =>
        {
            intact = true;
            return memory.TryWrite(start, bytes.AsSpan(0, length), out fault);
        });
        Try(reason, writes: true, (GuestMemory memory, ulong start, int length, out GuestMemoryFault fault, out bool intact) =>
        {
            intact = true;
            return memory.TryFill(start, New, (ulong)length, out fault);
        });
        Try(reason, writes: true, (GuestMemory memory, ulong start, int length, out GuestMemoryFault fault, out bool intact) =>
        {
            intact = true;
            return own.TryCopyTo(40, memory, start, (ulong)length, out fault);
        });
    }

    [LinuxTheory]
    [MemberData(nameof(HoleInMemory.Reasons), MemberType = typeof(HoleInMemory))]
    public void Copies_inside_one_memory_and_write_probes_are_exact(string reason)
    {
        Try(reason, writes: false, (GuestMemory memory, ulong start, int length, out GuestMemoryFault fault, out bool intact) =>
        {
            intact = true;
            return memory.TryProbe(start, (ulong)length, AccessType.Write, out fault);
        });

        // Where the copy's other side is as far from the hole as the longest is long.
        Try(reason, writes: false, (GuestMemory memory, ulong start, int length, out GuestMemoryFault fault, out bool intact) =>
        {
            intact = true;
            return memory.TryCopyTo(start, memory, 0, (ulong)length, out fault);
        });
        Try(reason, writes: true, (GuestMemory memory, ulong start, int length, out GuestMemoryFault fault, out bool intact) =>
        {
            memory.Fill(0, New, MaxLength);
            intact = true;
            return memory.TryCopyTo(0, memory, start, (ulong)length, out fault);
        });
    }

    private static void Try(string reason, bool writes, Operation operation)
    {
        using var hole = new HoleInMemory(reason);
        GuestMemory memory = hole.Memory;
        byte[] good = new byte[Reach];
        byte[] old = new byte[Reach];
        Array.Fill(old, Old);
        memory.Write(Hole - Reach, old);
        if (hole.GoesOn)
        {
            memory.Write(2 * Hole, old);
        }

        for (int length = 1; length <= MaxLength; length++)
        {
            // From the one that ends right before the hole to those that begin some bytes inside it.
            for (int before = length; before >= -3; before--)
            {
                Check(hole, operation, good, old, writes, Hole - (ulong)before, length, fails: before < length);
            }

            if (hole.GoesOn)
            {
                // From those that end behind the hole to the one that begins right behind it.
                for (int inside = Math.Min(length, 3); inside >= 0; inside--)
                {
                    Check(hole, operation, good, old, writes, (2 * Hole) - (ulong)inside, length, fails: inside > 0);
                }
            }
        }
    }

    private static void Check(HoleInMemory hole, Operation operation, byte[] good, byte[] old, bool writes, ulong start, int length, bool fails)
    {
        bool succeeded = operation(hole.Memory, start, length, out GuestMemoryFault fault, out bool intact);
        ulong expected = Math.Max(start, Hole);
        bool right = fails
            ? !succeeded && fault.Kind == hole.Kind && fault.Cause == hole.Cause && fault.Address?.Value == expected && fault.Start.Value == start && fault.Length == (ulong)length
                && fault.MemoryName == hole.Memory.Name
            : succeeded && !fault.IsFault;

        // Before the range nothing changes; in it, what succeeds is written, and what fails may be up to the fault and is not behind the hole.
        ulong from = start < 2 * Hole - 8 ? Hole - Reach : 2 * Hole;
        hole.Memory.Read(from, good);
        for (int i = 0; i < Reach && right; i++)
        {
            ulong at = from + (ulong)i;
            bool inside = writes && at >= start && at < start + (ulong)length;
            right = good[i] == (inside && !fails ? New : Old) || (inside && fails && at < expected && good[i] == New);
        }

        if (!right || !intact)
        {
            Assert.Fail($"0x{length:x} bytes at 0x{start:x}: {(succeeded ? "succeeded" : fault.ToString())}, {fault.Kind}, {fault.Cause}; untouched memory intact: {intact}");
        }

        if (writes)
        {
            hole.Memory.Write(from, old);
        }
    }
}
