namespace Hyperspan.TestHost.Model;

/// <content>Ranges of bytes.</content>
internal sealed unsafe partial class ModelWorld
{
    // Larger lengths are never in memory; the buffers need not hold them.
    private static ulong MostBytes => 32 * Page;

    private void ReadBytes(ModelView view, ulong address, ulong length, int how)
    {
        byte[] buffer = new byte[Math.Min(length, MostBytes)];
        ExpectedFault? expected = view.Check(address, length, AccessType.Read);
        bool succeeded;
        GuestMemoryFault fault = default;
        if (how % 17 == 0 && length < MostBytes)
        {
            succeeded = Throwing(() => view.Real.Read(address, buffer), out fault);
        }
        else if (how % 2 == 0 && length < MostBytes)
        {
            succeeded = view.Real.TryRead(address, buffer, out fault);
        }
        else
        {
            fixed (byte* pinned = buffer)
            {
                succeeded = view.Real.TryRead(address, pinned, length, out fault);
            }
        }

        Judge(succeeded, fault, expected, GuestMemoryOperation.Read, (address, length));
        if (succeeded)
        {
            Demand(buffer.AsSpan().SequenceEqual(view.Bytes(address, length)), "other bytes were read than are there");
            Mix(buffer);
        }
    }

    private void WriteBytes(ModelView view, ulong address, ulong length, int how)
    {
        byte[] bytes = SomeBytes(Math.Min(length, MostBytes), how + 1);
        ExpectedFault? expected = view.Check(address, length, AccessType.Write);
        bool succeeded;
        GuestMemoryFault fault = default;
        if (how % 17 == 0 && length < MostBytes)
        {
            succeeded = Throwing(() => view.Real.Write(address, bytes), out fault);
        }
        else if (how % 2 == 0 && length < MostBytes)
        {
            succeeded = view.Real.TryWrite(address, bytes, out fault);
        }
        else
        {
            fixed (byte* pinned = bytes)
            {
                succeeded = view.Real.TryWrite(address, pinned, length, out fault);
            }
        }

        Judge(succeeded, fault, expected, GuestMemoryOperation.Write, (address, length));
        Settle(view, address, bytes, expected);
    }

    private void Fill(ModelView view, ulong address, ulong length, int how)
    {
        byte value = how % 3 == 0 ? (byte)0 : (byte)how;
        ExpectedFault? expected = view.Check(address, length, AccessType.Write);
        GuestMemoryFault fault = default;
        bool succeeded = how % 17 == 0
            ? Throwing(() => view.Real.Fill(address, value, length), out fault)
            : value == 0 ? view.Real.TryClear(address, length, out fault) : view.Real.TryFill(address, value, length, out fault);
        Judge(succeeded, fault, expected, GuestMemoryOperation.Fill, (address, length));
        byte[] bytes = new byte[Math.Min(length, MostBytes)];
        Array.Fill(bytes, value);
        Settle(view, address, bytes, expected);
    }

    private void Copy(ModelView source, ulong from, ModelView target, ulong to, ulong length, int how)
    {
        ExpectedFault? sourceFault = source.CheckRange(from, length);
        ExpectedFault? targetFault = target.CheckRange(to, length);
        bool inBounds = sourceFault is null && targetFault is null;
        if (inBounds)
        {
            sourceFault = source.Check(from, length, AccessType.Read);
            targetFault = target.Check(to, length, AccessType.Write);
        }

        byte[] bytes = inBounds ? source.Bytes(from, length) : [];
        GuestMemoryFault fault = default;
        bool succeeded = how % 17 == 0
            ? Throwing(() => source.Real.CopyTo(from, target.Real, to, length), out fault)
            : source.Real.TryCopyTo(from, target.Real, to, length, out fault);
        if (sourceFault is null || targetFault is null)
        {
            bool onSource = sourceFault is not null;
            Judge(succeeded, fault, sourceFault ?? targetFault, GuestMemoryOperation.Copy, (onSource ? from : to, length));
            Demand(succeeded || fault.MemoryName == (onSource ? source : target).Real.Name, "the fault names the other memory");
        }
        else
        {
            // Both sides fail: one of them is named, with its own lowest address.
            Demand(!succeeded, "must fail");
            bool onSource = sourceFault.Matches(fault) && fault.Start.Value == from && fault.MemoryName == source.Real.Name;
            bool onTarget = targetFault.Matches(fault) && fault.Start.Value == to && fault.MemoryName == target.Real.Name;
            Demand(onSource || onTarget, $"must fail with {sourceFault} or {targetFault}, not with {fault.Kind}, {fault.Cause}: {fault}");
            Demand(inBounds || onSource, "the source is checked first");
            Demand(fault.Operation == GuestMemoryOperation.Copy && fault.Length == length, $"the fault says {fault}");
        }

        if (succeeded)
        {
            target.SetBytes(to, bytes);
        }
        else if (inBounds)
        {
            AcceptEither(target, to, bytes);
        }

        VerifyBytes();
    }

    private void Probe(ModelView view, ulong address, ulong length, int how)
    {
        AccessType access = how % 2 == 0 ? AccessType.Read : AccessType.Write;
        bool one = how % 5 == 0;
        length = one ? 1 : length;
        GuestMemoryFault fault;
        bool succeeded = !one ? view.Real.TryProbe(address, length, access, out fault)
            : access == AccessType.Read ? view.Real.TryProbeReadable(address, out fault)
            : view.Real.TryProbeWritable(address, out fault);
        Judge(succeeded, fault, view.CheckPages(address, length, access), GuestMemoryOperation.Probe, (address, length));
        VerifyBytes();
    }

    private void ProbePages(ModelView view, ulong[] pages, int how)
    {
        AccessType access = how % 2 == 0 ? AccessType.Read : AccessType.Write;
        ExpectedFault? expected = null;
        for (int i = 0; i < pages.Length && expected is null; i++)
        {
            expected = pages[i] > ulong.MaxValue / GuestPage
                ? new ExpectedFault(GuestMemoryFaultKind.OutOfRange, FaultCause.Check, Address: null)
                : view.Check(pages[i] * GuestPage, 1, access, exchanges: access == AccessType.Write);
        }

        bool succeeded = view.Real.TryProbePages(pages, access, out GuestMemoryFault fault);
        Judge(succeeded, fault, expected, GuestMemoryOperation.Probe, range: null);
    }

    /// <summary>Takes over what was written, or what may have been.</summary>
    private void Settle(ModelView view, ulong address, ReadOnlySpan<byte> bytes, ExpectedFault? expected)
    {
        if (expected is null)
        {
            view.SetBytes(address, bytes);
        }
        else if (view.CheckRange(address, (ulong)bytes.Length) is null && expected.Address is { } lowest)
        {
            AcceptEither(view, address, bytes[..(int)(lowest - address)]);
        }

        VerifyBytes();
    }

    private static bool Throwing(Action act, out GuestMemoryFault fault)
    {
        try
        {
            act();
            fault = default;
            return true;
        }
        catch (GuestMemoryException e)
        {
            fault = e.Fault;
            return false;
        }
    }
}
