namespace Hyperspan.TestHost.Model;

/// <summary>A part of a backing at a place in a memory, as the model sees it.</summary>
internal sealed record ModelRegion(ulong Start, ulong Length, ModelBacking Backing, int Offset, Protection Protection)
{
    public ulong Last => Start + (Length - 1);

    public bool Permits(AccessType access) =>
        access == AccessType.Write ? Protection.CanWrite && Backing.IsWritable : Protection.CanRead;
}

/// <summary>A memory, or a slice at some depth, and what each access to it should meet.</summary>
internal sealed class ModelView(GuestMemory real, IReadOnlyList<ModelRegion> regions, bool strict, ModelView? parent)
{
    private bool _closed;

    public GuestMemory Real => real;

    public IReadOnlyList<ModelRegion> Regions => regions;

    public bool IsClosed => _closed || (parent?.IsClosed ?? false);

    public int Depth => parent is null ? 0 : parent.Depth + 1;

    public void Close()
    {
        _closed = true;
        real.Dispose();
    }

    public ModelRegion? Find(ulong address) => regions.FirstOrDefault(region => address >= region.Start && address <= region.Last);

    /// <summary>What the range check has to say, before anything is accessed.</summary>
    public ExpectedFault? CheckRange(ulong address, ulong length)
    {
        if (length == 0)
        {
            return null;
        }

        if (IsClosed)
        {
            return new ExpectedFault(GuestMemoryFaultKind.Disposed, FaultCause.Check, address);
        }

        ulong at = address;
        ulong left = length;
        while (Find(at) is { } region)
        {
            ulong here = region.Last - at;
            if (left - 1 <= here)
            {
                return null;
            }

            if (region.Last == ulong.MaxValue)
            {
                return new ExpectedFault(GuestMemoryFaultKind.OutOfRange, FaultCause.Check, Address: null);
            }

            at = region.Last + 1;
            left -= here + 1;
            if (strict && Find(at) is not null)
            {
                return new ExpectedFault(GuestMemoryFaultKind.CrossesRegions, FaultCause.Check, at);
            }
        }

        return new ExpectedFault(GuestMemoryFaultKind.OutOfRange, FaultCause.Check, at);
    }

    /// <summary>The pieces of a range that lies in memory.</summary>
    public IEnumerable<(ModelRegion Region, ulong Address, int Offset, int Length)> Pieces(ulong address, ulong length)
    {
        for (ulong done = 0; done < length;)
        {
            ModelRegion region = Find(address + done)!;
            ulong skip = address + done - region.Start;
            ulong piece = Math.Min(length - done, region.Length - skip);
            yield return (region, address + done, region.Offset + (int)skip, (int)piece);
            done += piece;
        }
    }

    /// <summary>The fault that an access must end with, or null where it must succeed.</summary>
    public ExpectedFault? Check(ulong address, ulong length, AccessType access, bool exchanges = false)
    {
        if (CheckRange(address, length) is { } outside)
        {
            return outside;
        }

        foreach ((ModelRegion region, ulong at, int offset, int piece) in Pieces(address, length))
        {
            if (!region.Permits(access))
            {
                return Refused(access, at);
            }

            if (region.Backing.Check(offset, piece, access, exchanges) is { } fault)
            {
                return fault with { Address = at + (fault.Address - (ulong)offset) };
            }
        }

        return null;
    }

    /// <summary>As an access, but looking at one byte of each page only.</summary>
    public ExpectedFault? CheckPages(ulong address, ulong length, AccessType access)
    {
        if (CheckRange(address, length) is { } outside)
        {
            return outside;
        }

        for (ulong done = 0; done < length;)
        {
            ulong at = address + done;
            if (Check(at, 1, access, exchanges: access == AccessType.Write) is { } fault)
            {
                return fault;
            }

            ModelRegion region = Find(at)!;
            int offset = region.Offset + (int)(at - region.Start);
            done += (ulong)(GuestAddress.PageSize - (offset % GuestAddress.PageSize));
        }

        return null;
    }

    /// <summary>Whether a value of a size at an address is naturally aligned where it really lies; not said where there is no memory.</summary>
    public bool? IsAligned(ulong address, int size) =>
        Find(address) is { } region ? (region.Offset + (int)(address - region.Start)) % size == 0 : null;

    public byte[] Bytes(ulong address, ulong length)
    {
        byte[] bytes = new byte[length];
        int done = 0;
        foreach ((ModelRegion region, _, int offset, int piece) in Pieces(address, length))
        {
            region.Backing.Bytes.AsSpan(offset, piece).CopyTo(bytes.AsSpan(done));
            done += piece;
        }

        return bytes;
    }

    public void SetBytes(ulong address, ReadOnlySpan<byte> bytes)
    {
        int done = 0;
        foreach ((ModelRegion region, _, int offset, int piece) in Pieces(address, (ulong)bytes.Length))
        {
            bytes.Slice(done, piece).CopyTo(region.Backing.Bytes.AsSpan(offset));
            done += piece;
        }
    }

    public static ExpectedFault Refused(AccessType access, ulong address) =>
        new(access == AccessType.Write ? GuestMemoryFaultKind.ReadOnly : GuestMemoryFaultKind.Restricted, FaultCause.Check, address);
}
