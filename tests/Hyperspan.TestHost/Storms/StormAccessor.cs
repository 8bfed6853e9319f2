namespace Hyperspan.TestHost.Storms;

/// <summary>Every kind of access, and what it finds or meets.</summary>
internal sealed class StormAccessor(StormCrew crew, int seed) : StormWorker("access", crew, seed)
{
    private readonly byte[] _bytes = new byte[8192];

    public override void Work(StormWorld world)
    {
        GuestMemory memory = world.Memory;
        int length = Size();
        ulong address = Address(length);
        Span<byte> some = _bytes.AsSpan(0, length);
        bool succeeded;
        bool right = true;
        bool writes = true;
        GuestMemoryFault fault;
        int operation = Random.Next(11);
        switch (operation)
        {
            case 0:
                writes = false;
                succeeded = memory.TryRead(Address(8), out ulong value, out fault);
                right = world.MayHold(value);
                break;
            case 1:
                writes = false;
                succeeded = memory.TryRead(address, some, out fault);
                right = world.MayHold(some);
                break;
            case 2:
                succeeded = memory.TryWrite(Address(8), world.Wide, out fault);
                break;
            case 3:
                some.Fill(world.Pattern);
                succeeded = memory.TryWrite(address, some, out fault);
                break;
            case 4:
                succeeded = memory.TryFill(address, Random.Next(2) == 0 ? world.Pattern : (byte)0, (ulong)length, out fault);
                break;
            case 5:
                bool set = Random.Next(2) == 0;
                succeeded = memory.TryCompareExchange(Address(8) & ~7UL, set ? world.Wide : 0, set ? 0 : world.Wide, out _, out value, out fault);
                right = world.MayHold(value);
                break;
            case 6:
                succeeded = memory.TryCopyTo(address, memory, Address(length), (ulong)length, out fault);
                break;
            case 7:
                writes = false;
                succeeded = memory.TryProbe(address, (ulong)length, AccessType.Read, out fault);
                break;
            case 8:
                writes = false;
                succeeded = memory.TryRead(Address(16), out UInt128 large, out fault);
                right = world.MayHold((ulong)large) && world.MayHold((ulong)(large >> 64));
                break;
            case 9:
                writes = false;
                succeeded = memory.TryVolatileRead(Address(4) & ~3UL, out uint small, out fault);
                right = world.MayHold(small);
                break;
            default:
                succeeded = memory.TryProbe(address, (ulong)length, AccessType.Write, out fault);
                break;
        }

        if (succeeded)
        {
            Succeeded($"operation {operation}", right);
        }
        else
        {
            Failed($"operation {operation}", fault, writes);
        }
    }
}
