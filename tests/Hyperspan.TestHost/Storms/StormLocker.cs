namespace Hyperspan.TestHost.Storms;

/// <summary>Locks pages, looks at them where that is allowed, and has the kernel transfer them to and from files.</summary>
internal sealed class StormLocker(StormCrew crew, int seed) : StormWorker("lock", crew, seed)
{
    // What the kernel says where a file was truncated under the lock.
    private const int BadAddress = 14;

    private readonly byte[] _bytes = new byte[4096];

    public override void Work(StormWorld world)
    {
        int length = 1 + Random.Next(20_000);
        ulong address = Address(length);
        if (Random.Next(2) == 0)
        {
            Transfer(world, address, (ulong)length);
        }
        else
        {
            Look(world, address, (ulong)length);
        }
    }

    private void Transfer(StormWorld world, ulong address, ulong length)
    {
        bool fromFile = Random.Next(2) == 0;
        using var vectors = new GuestIoVectors(fromFile ? AccessType.Write : AccessType.Read);
        if (!vectors.TryAdd(world.Memory, address, length, out GuestMemoryFault fault))
        {
            Failed("vectors", fault, writes: fromFile);
            return;
        }

        _ = fromFile ? vectors.TryReadFrom(world.Source, 0, out FileTransfer transfer) : vectors.TryWriteTo(world.Sink, 0, out transfer);
        int read = RandomAccess.Read(world.Sink, _bytes, Random.Next((int)StormWorld.Length));
        bool transferred = transfer.Succeeded || transfer.ErrorNumber == BadAddress || transfer.Fault.IsFault || transfer.Transferred < length;
        Succeeded(transfer.ToString(), transferred && transfer.Transferred <= length && world.MayHold(_bytes.AsSpan(0, read)));
    }

    private void Look(StormWorld world, ulong address, ulong length)
    {
        AccessType access = Random.Next(2) == 0 ? AccessType.Read : AccessType.Write;
        if (!world.Memory.TryPin(address, length, access, out PinnedMemory? locked, out GuestMemoryFault fault))
        {
            Failed("lock", fault, writes: access == AccessType.Write);
            return;
        }

        using (locked)
        {
            // A span over what may vanish would end the process: where it is allowed, nothing may vanish.
            bool right = true;
            for (int i = 0; locked.AllowsSpans && i < locked.ReadOnlyPieces.Count; i++)
            {
                right &= world.MayHold(locked.ReadOnlyPieces[i].Span);
                if (access == AccessType.Write)
                {
                    locked.Pieces[i].Span.Fill(world.Pattern);
                }
            }

            Succeeded("look", right);
        }
    }
}
