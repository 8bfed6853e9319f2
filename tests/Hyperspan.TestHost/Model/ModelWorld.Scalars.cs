using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hyperspan.TestHost.Model;

/// <content>Values.</content>
internal sealed unsafe partial class ModelWorld
{
    private void DoScalar(ModelCommand command, ModelView view, ulong address)
    {
        switch (command.Length)
        {
            case 1:
                DoScalar<byte>(command, view, address);
                break;
            case 2:
                DoScalar<ushort>(command, view, address);
                break;
            case 4:
                DoScalar<uint>(command, view, address);
                break;
            case 16 when command.Operation is ModelOperation.Read or ModelOperation.Write:
                DoScalar<UInt128>(command, view, address);
                break;
            default:
                DoScalar<ulong>(command, view, address);
                break;
        }
    }

    private void DoScalar<T>(ModelCommand command, ModelView view, ulong address)
        where T : unmanaged
    {
        bool throws = command.Value % 17 == 0;
        switch (command.Operation)
        {
            case ModelOperation.Read:
                Read<T>(view, address, throws);
                break;
            case ModelOperation.Write:
                Write(view, address, Some<T>(command.Value), throws);
                break;
            case ModelOperation.ReadOrdered:
                ReadOrdered<T>(view, address, throws);
                break;
            case ModelOperation.WriteOrdered:
                WriteOrdered(view, address, Some<T>(command.Value), throws);
                break;
            case ModelOperation.ReadEndian:
                ReadEndian(view, address);
                break;
            case ModelOperation.WriteEndian:
                WriteEndian(view, address, unchecked((uint)(command.Value * 0x9E3779B9)));
                break;
            default:
                CompareExchange(view, address, Some<T>(command.Value), command.Value, throws);
                break;
        }
    }

    private static T Some<T>(int seed)
        where T : unmanaged => MemoryMarshal.Read<T>(SomeBytes(16, seed + 1));

    private static ReadOnlySpan<byte> Bits<T>(in T value)
        where T : unmanaged => MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value));

    private void Read<T>(ModelView view, ulong address, bool throws)
        where T : unmanaged
    {
        ExpectedFault? expected = view.Check(address, (ulong)sizeof(T), AccessType.Read);
        GuestMemoryFault fault;
        T value = default;
        bool succeeded = throws
            ? Throwing(() => value = view.Real.Read<T>(address), out fault)
            : view.Real.TryRead(address, out value, out fault);
        Judge(succeeded, fault, expected, GuestMemoryOperation.Read, (address, (ulong)sizeof(T)));
        JudgeValue(view, address, succeeded, value);
    }

    private void ReadOrdered<T>(ModelView view, ulong address, bool throws)
        where T : unmanaged
    {
        if (IsRefusedAsMisaligned<T>(view, address))
        {
            bool read = view.Real.TryVolatileRead(address, out T _, out GuestMemoryFault misaligned);
            JudgeMisaligned(view, address, sizeof(T), read, misaligned, GuestMemoryOperation.Read);
            return;
        }

        ExpectedFault? expected = view.Check(address, (ulong)sizeof(T), AccessType.Read);
        GuestMemoryFault fault;
        T value = default;
        bool succeeded = throws
            ? Throwing(() => value = view.Real.VolatileRead<T>(address), out fault)
            : view.Real.TryVolatileRead(address, out value, out fault);
        Judge(succeeded, fault, expected, GuestMemoryOperation.Read, (address, (ulong)sizeof(T)));
        JudgeValue(view, address, succeeded, value);
    }

    private void JudgeValue<T>(ModelView view, ulong address, bool succeeded, in T value)
        where T : unmanaged
    {
        Mix(Bits(in value));
        byte[] there = succeeded ? view.Bytes(address, (ulong)sizeof(T)) : new byte[sizeof(T)];
        Demand(Bits(in value).SequenceEqual(there), "another value was read than is there");
    }

    private void Write<T>(ModelView view, ulong address, T value, bool throws)
        where T : unmanaged
    {
        ExpectedFault? expected = view.Check(address, (ulong)sizeof(T), AccessType.Write);
        GuestMemoryFault fault;
        bool succeeded = throws
            ? Throwing(() => view.Real.Write(address, value), out fault)
            : view.Real.TryWrite(address, value, out fault);
        Judge(succeeded, fault, expected, GuestMemoryOperation.Write, (address, (ulong)sizeof(T)));
        Settle(view, address, Bits(in value), expected);
    }

    private void WriteOrdered<T>(ModelView view, ulong address, T value, bool throws)
        where T : unmanaged
    {
        if (IsRefusedAsMisaligned<T>(view, address))
        {
            bool written = view.Real.TryVolatileWrite(address, value, out GuestMemoryFault misaligned);
            JudgeMisaligned(view, address, sizeof(T), written, misaligned, GuestMemoryOperation.Write);
            return;
        }

        ExpectedFault? expected = view.Check(address, (ulong)sizeof(T), AccessType.Write);
        GuestMemoryFault fault;
        bool succeeded = throws
            ? Throwing(() => view.Real.VolatileWrite(address, value), out fault)
            : view.Real.TryVolatileWrite(address, value, out fault);
        Judge(succeeded, fault, expected, GuestMemoryOperation.Write, (address, (ulong)sizeof(T)));
        Settle(view, address, Bits(in value), expected);
    }

    private void CompareExchange<T>(ModelView view, ulong address, T value, int how, bool throws)
        where T : unmanaged
    {
        T comparand = default;
        T original = default;
        if (IsRefusedAsMisaligned<T>(view, address))
        {
            bool done = view.Real.TryCompareExchange(address, value, comparand, out _, out original, out GuestMemoryFault misaligned);
            JudgeMisaligned(view, address, sizeof(T), done, misaligned, GuestMemoryOperation.CompareExchange);
            return;
        }

        ExpectedFault? expected = view.Check(address, (ulong)sizeof(T), AccessType.Write, exchanges: true);
        byte[] there = expected is null ? view.Bytes(address, (ulong)sizeof(T)) : new byte[sizeof(T)];
        if (how % 3 != 0)
        {
            comparand = MemoryMarshal.Read<T>(there);
        }

        GuestMemoryFault fault;
        bool exchanged = expected is null && Bits(in comparand).SequenceEqual(there);
        bool told = exchanged;
        bool succeeded = throws
            ? Throwing(() => original = view.Real.CompareExchange(address, value, comparand), out fault)
            : view.Real.TryCompareExchange(address, value, comparand, out told, out original, out fault);
        Judge(succeeded, fault, expected, GuestMemoryOperation.CompareExchange, (address, (ulong)sizeof(T)));
        Demand(Bits(in original).SequenceEqual(there), "another value was exchanged than was there");
        Demand(told == exchanged, "whether the value was exchanged is told wrongly");
        Mix(Bits(in original));
        if (succeeded && Bits(in comparand).SequenceEqual(there))
        {
            view.SetBytes(address, Bits(in value));
        }

        VerifyBytes();
    }

    private void ReadEndian(ModelView view, ulong address)
    {
        ExpectedFault? expected = view.Check(address, 4, AccessType.Read);
        bool little = view.Real.TryReadUInt32LittleEndian(address, out uint first, out GuestMemoryFault fault);
        Judge(little, fault, expected, GuestMemoryOperation.Read, (address, 4));
        bool big = view.Real.TryReadUInt32BigEndian(address, out uint second, out fault);
        Judge(big, fault, expected, GuestMemoryOperation.Read, (address, 4));
        Demand(System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(first) == second, "the byte orders differ in more than order");
        JudgeValue(view, address, little, first);
    }

    private void WriteEndian(ModelView view, ulong address, uint value)
    {
        ExpectedFault? expected = view.Check(address, 4, AccessType.Write);
        bool succeeded = view.Real.TryWriteUInt32BigEndian(address, value, out GuestMemoryFault fault);
        Judge(succeeded, fault, expected, GuestMemoryOperation.Write, (address, 4));
        uint reversed = System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(value);
        Settle(view, address, Bits(in reversed), expected);
    }

    private static bool IsRefusedAsMisaligned<T>(ModelView view, ulong address)
        where T : unmanaged => view.IsAligned(address, Unsafe.SizeOf<T>()) == false;

    private void JudgeMisaligned(ModelView view, ulong address, int size, bool succeeded, in GuestMemoryFault fault, GuestMemoryOperation operation)
    {
        if (view.IsClosed && fault.Kind == GuestMemoryFaultKind.Disposed)
        {
            return;
        }

        var expected = new ExpectedFault(GuestMemoryFaultKind.Misaligned, FaultCause.Check, address);
        Judge(succeeded, fault, expected, operation, (address, (ulong)size));
    }
}
