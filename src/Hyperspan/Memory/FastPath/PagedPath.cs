using System.Runtime.CompilerServices;
using Hyperspan.Streaming;

namespace Hyperspan;

/// <summary>How the bytes of a paged range are reached: run by run, each as a range of its own. Of a fault nothing is written before there is one.</summary>
[SkipLocalsInit]
internal static unsafe class PagedPath
{
    /// <summary>What is done with the runs, from front to back.</summary>
    private interface IRuns
    {
        GuestMemoryOperation Name { get; }

        /// <summary>Accesses the next bytes. The fault is there where the result is <see langword="false"/> alone.</summary>
        bool TryAccess(GuestMemory memory, ulong address, ulong length, out GuestMemoryFault fault);
    }

    internal static bool TryRead(GuestMemory memory, in PagedRange range, byte* destination, out GuestMemoryFault fault) =>
        TryEach(memory, range, new ReadRuns(destination), out fault);

    internal static bool TryWrite(GuestMemory memory, in PagedRange range, byte* source, out GuestMemoryFault fault) =>
        TryEach(memory, range, new WriteRuns(source), out fault);

    internal static bool TryFill(GuestMemory memory, in PagedRange range, byte value, out GuestMemoryFault fault) =>
        TryEach(memory, range, new FillRuns(value), out fault);

    private static bool TryEach<TRuns>(GuestMemory memory, in PagedRange range, TRuns runs, out GuestMemoryFault fault)
        where TRuns : struct, IRuns
    {
        foreach (PagedRun run in range.Runs)
        {
            if (!memory.TryStartRun(run, runs.Name, out ulong at, out fault))
            {
                return false;
            }

            for (ulong left = run.Length; left > 0;)
            {
                ulong piece = memory.PieceOfRun(at, left);
                if (!runs.TryAccess(memory, at, piece, out fault))
                {
                    fault = fault.WithoutRange(runs.Name);
                    return false;
                }

                at += piece;
                left -= piece;
            }
        }

        fault = default;
        return true;
    }

    private struct ReadRuns(byte* to) : IRuns
    {
        private byte* _to = to;

        public readonly GuestMemoryOperation Name => GuestMemoryOperation.Read;

        public bool TryAccess(GuestMemory memory, ulong address, ulong length, out GuestMemoryFault fault)
        {
            Unsafe.SkipInit(out fault);
            ref byte bytes = ref *_to;
            _to += length;
            return BytePath.TryRead(memory, address, ref bytes, length, out CopyObstacle obstacle)
                || BytePath.TryReadSlowly(memory, address, ref bytes, length, obstacle, out fault);
        }
    }

    private struct WriteRuns(byte* from) : IRuns
    {
        private byte* _from = from;

        public readonly GuestMemoryOperation Name => GuestMemoryOperation.Write;

        public bool TryAccess(GuestMemory memory, ulong address, ulong length, out GuestMemoryFault fault)
        {
            Unsafe.SkipInit(out fault);
            ref byte bytes = ref *_from;
            _from += length;
            return BytePath.TryWrite(memory, address, ref bytes, length, out CopyObstacle obstacle)
                || BytePath.TryWriteSlowly(memory, address, ref bytes, length, obstacle, out fault);
        }
    }

    private readonly struct FillRuns(byte value) : IRuns
    {
        public GuestMemoryOperation Name => GuestMemoryOperation.Fill;

        public bool TryAccess(GuestMemory memory, ulong address, ulong length, out GuestMemoryFault fault)
        {
            Unsafe.SkipInit(out fault);
            return BytePath.TryFillDirect(memory, address, length, value) || BytePath.TryFillSlowly(memory, address, length, value, out fault);
        }
    }
}
