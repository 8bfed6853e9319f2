using Hyperspan.Streaming;

namespace Hyperspan.TestHost.Storms;

/// <summary>
/// Sequential readers and writers of every kind, step by step. A step does all that was asked and moves on by as much, or fails and stays where it was.
/// </summary>
internal sealed class StormStreamer(StormCrew crew, int seed) : StormWorker("stream", crew, seed)
{
    private const int Steps = 12;

    private readonly byte[] _bytes = new byte[8192];
    private readonly ulong[] _pages = new ulong[6];

    public override void Work(StormWorld world)
    {
        GuestMemory memory = world.Memory;
        for (int i = 0; i < _pages.Length; i++)
        {
            _pages[i] = (ulong)Random.Next((int)(StormWorld.Length / GuestAddress.PageSize));
        }

        int length = 1 + Random.Next(5 * GuestAddress.PageSize);
        ulong offset = (ulong)Random.Next(GuestAddress.PageSize);
        var range = new GuestRange(Address(length), (ulong)length);
        PagedRangeBuffer[] list = [new(_pages.AsMemory(0, 2), offset, GuestAddress.PageSize), new(_pages.AsMemory(2), offset, (ulong)length / 2)];
        switch (Random.Next(8))
        {
            case 0:
                var rangeReader = new RangeReader(memory, range);
                Read(world, ref rangeReader);
                break;
            case 1:
                var pagedReader = new PagedReader(memory, new PagedRange(_pages, offset, (ulong)length));
                Read(world, ref pagedReader);
                break;
            case 2:
                var listReader = new PagedReader(memory, new PagedRange(list));
                Read(world, ref listReader);
                break;
            case 3:
                var rangeWriter = new RangeWriter(memory, range);
                Write(world, ref rangeWriter);
                break;
            case 4:
                var pagedWriter = new PagedWriter(memory, new PagedRange(_pages, offset, (ulong)length));
                Write(world, ref pagedWriter);
                break;
            case 5:
                var listWriter = new PagedWriter(memory, new PagedRange(list));
                Write(world, ref listWriter);
                break;
            case 6:
                Buffer(world, range, list);
                break;
            default:
                Stream(world, range);
                break;
        }
    }

    private void Read<TReader>(StormWorld world, ref TReader reader)
        where TReader : struct, IMemoryReader, allows ref struct
    {
        for (int step = 0; step < Steps && reader.Remaining > 0; step++)
        {
            ulong before = reader.Remaining;
            int length = Size();
            ulong asked;
            bool succeeded;
            bool right = true;
            StreamingFault fault;
            switch (Random.Next(4))
            {
                case 0:
                    asked = sizeof(ulong);
                    succeeded = reader.TryRead(out ulong value, out fault);
                    right = world.MayHold(value);
                    break;
                case 1:
                    asked = (ulong)length;
                    succeeded = reader.TryRead(_bytes.AsSpan(0, length), out fault);
                    right = world.MayHold(_bytes.AsSpan(0, length));
                    break;
                case 2:
                    asked = 5 * sizeof(uint);
                    succeeded = reader.TryReadArray(5, out uint[]? values, out fault);
                    right = values is null || Array.TrueForAll(values, x => world.MayHold(x));
                    break;
                default:
                    asked = (ulong)length;
                    succeeded = reader.TrySkip(asked, out fault);
                    break;
            }

            Judge("read", before, reader.Remaining, asked, succeeded, right, fault, writes: false);
        }
    }

    private void Write<TWriter>(StormWorld world, ref TWriter writer)
        where TWriter : struct, IMemoryWriter, allows ref struct
    {
        for (int step = 0; step < Steps && writer.Remaining > 0; step++)
        {
            ulong before = writer.Remaining;
            int length = Size();
            ulong asked;
            bool succeeded;
            StreamingFault fault;
            switch (Random.Next(3))
            {
                case 0:
                    asked = sizeof(ulong);
                    succeeded = writer.TryWrite(world.Wide, out fault);
                    break;
                case 1:
                    asked = (ulong)length;
                    _bytes.AsSpan(0, length).Fill(world.Pattern);
                    succeeded = writer.TryWrite(_bytes.AsSpan(0, length), out fault);
                    break;
                default:
                    asked = (ulong)length;
                    succeeded = writer.TryFill(Random.Next(2) == 0 ? world.Pattern : (byte)0, asked, out fault);
                    break;
            }

            Judge("write", before, writer.Remaining, asked, succeeded, right: true, fault, writes: true);
        }
    }

    private void Buffer(StormWorld world, GuestRange range, PagedRangeBuffer[] list)
    {
        using GuestMemoryBufferWriter writer = Random.Next(2) == 0 ? new(world.Memory, range) : new(world.Memory, list);
        for (int step = 0; step < 4 && writer.Remaining > 0; step++)
        {
            // Not more than fits, so that nothing but TryFlush goes to the memory.
            int length = (int)Math.Min(writer.Remaining, 1000);
            writer.GetSpan(length)[..length].Fill(world.Pattern);
            writer.Advance(length);
            ulong flushed = writer.Flushed;
            int buffered = writer.Buffered;
            if (writer.TryFlush(out StreamingFault fault))
            {
                Succeeded("flush", writer.Buffered == 0 && writer.Flushed == flushed + (ulong)buffered);
                continue;
            }

            Succeeded("flush that failed", writer.Buffered == buffered && writer.Flushed == flushed && fault.Kind == StreamingFaultKind.Memory);
            Failed("flush", fault.MemoryFault, writes: true);
            return;
        }
    }

    private void Stream(StormWorld world, GuestRange range)
    {
        using var stream = new GuestMemoryStream(world.Memory, range);
        for (int step = 0; step < 4; step++)
        {
            int length = Size();
            long before = stream.Position;
            bool writes = Random.Next(2) == 0;
            try
            {
                Span<byte> some = _bytes.AsSpan(0, (int)Math.Min(length, stream.Length - before));
                if (writes)
                {
                    some.Fill(world.Pattern);
                    stream.Write(some);
                }
                else
                {
                    int read = stream.Read(some);
                    some = read == some.Length && world.MayHold(some) ? some : default;
                }

                Succeeded("stream", stream.Position == before + Math.Min(length, stream.Length - before) && (writes || some.Length > 0 || before == stream.Length));
            }
            catch (IOException e) when (e.InnerException is GuestMemoryException inner)
            {
                Succeeded("stream that failed", stream.Position == before);
                Failed("stream", inner.Fault, writes);
            }
        }
    }

    private void Judge(string what, ulong before, ulong after, ulong asked, bool succeeded, bool right, StreamingFault fault, bool writes)
    {
        if (succeeded)
        {
            Succeeded(what, right && asked <= before && after == before - asked && !fault.IsFault);
        }
        else if (asked > before)
        {
            Succeeded(what + " past the end", after == before && fault.Kind == StreamingFaultKind.OutOfRange);
        }
        else
        {
            Succeeded(what + " that failed", after == before && fault.Kind == StreamingFaultKind.Memory);
            Failed(what, fault.MemoryFault, writes);
        }
    }
}
