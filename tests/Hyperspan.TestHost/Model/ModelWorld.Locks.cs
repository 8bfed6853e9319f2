using Hyperspan.Guarding;

namespace Hyperspan.TestHost.Model;

/// <content>Locks and slices.</content>
internal sealed unsafe partial class ModelWorld
{
    private const int MaxLocks = 8;
    private const int MaxDepth = 4;

    private void Lock(ModelView view, ulong address, ulong length, int how)
    {
        AccessType access = how % 2 == 0 ? AccessType.Read : AccessType.Write;
        ExpectedFault? expected = view.CheckRange(address, length);
        if (expected is null)
        {
            foreach ((ModelRegion region, ulong at, _, int piece) in view.Pieces(address, length))
            {
                expected ??= CheckLock(view, region, at, (ulong)piece, access);
            }
        }

        bool succeeded = view.Real.TryPin(address, length, access, out PinnedMemory? locked, out GuestMemoryFault fault);
        Judge(succeeded, fault, expected, GuestMemoryOperation.Pin, (address, length));
        if (locked is not null)
        {
            List<(ModelBacking, int)> pages = [];
            foreach ((ModelRegion region, _, int offset, int piece) in view.Pieces(address, length))
            {
                AddPages(pages, region.Backing, offset, piece);
            }

            Hold(locked, pages, view.Bytes(address, length), access);
        }

        VerifyLocks();
    }

    private void LockPages(ModelView view, ulong[] numbers, int how)
    {
        AccessType access = how % 2 == 0 ? AccessType.Read : AccessType.Write;
        ExpectedFault? expected = null;
        List<(ModelBacking, int)> pages = [];
        List<byte> bytes = [];
        foreach (ulong number in numbers)
        {
            if (number > ulong.MaxValue / GuestPage)
            {
                expected = new ExpectedFault(GuestMemoryFaultKind.OutOfRange, FaultCause.Check, Address: null);
                break;
            }

            ulong address = number * GuestPage;
            expected = view.CheckRange(address, GuestPage);
            if (expected is not null)
            {
                break;
            }

            ModelRegion region = view.Find(address)!;
            ulong skip = address - region.Start;
            expected = region.Length - skip < GuestPage
                ? new ExpectedFault(GuestMemoryFaultKind.NotPinnable, FaultCause.Check, address)
                : CheckLock(view, region, address, GuestPage, access);
            if (expected is not null)
            {
                break;
            }

            AddPages(pages, region.Backing, region.Offset + (int)skip, GuestAddress.PageSize);
            bytes.AddRange(view.Bytes(address, GuestPage));
        }

        bool succeeded = view.Real.TryPinPages(numbers, access, out PinnedMemory? locked, out GuestMemoryFault fault);
        Judge(succeeded, fault, expected, GuestMemoryOperation.Pin, range: null);
        if (locked is not null)
        {
            Demand(locked.Count == numbers.Length, "not one piece a page");
            Hold(locked, pages, [.. bytes], access);
        }

        VerifyLocks();
    }

    private static ExpectedFault? CheckLock(ModelView view, ModelRegion region, ulong address, ulong length, AccessType access) =>
        !region.Backing.IsLockable ? new ExpectedFault(GuestMemoryFaultKind.NotPinnable, FaultCause.Backing, address)
        : !region.Permits(access) ? ModelView.Refused(access, address)
        : view.CheckPages(address, length, access);

    private static void AddPages(List<(ModelBacking Backing, int Page)> pages, ModelBacking backing, int offset, int length)
    {
        for (int page = offset / ModelBacking.PageSize; page <= (offset + length - 1) / ModelBacking.PageSize; page++)
        {
            pages.Add((backing, page));
        }
    }

    /// <summary>Looks at what was locked, through its host addresses, and keeps it for a while.</summary>
    private void Hold(PinnedMemory locked, List<(ModelBacking Backing, int Page)> pages, byte[] bytes, AccessType access)
    {
        Demand(locked.Access == access && locked.Length == (ulong)bytes.Length, "what was locked is not what was asked for");
        int done = 0;
        foreach (IoVector vector in locked.Vectors)
        {
            byte[] there = new byte[vector.Length];
            fixed (byte* pinned = there)
            {
                Demand(Guard.Copy(pinned, (byte*)vector.Address, vector.Length, mayBlock: true).Ok, "a locked page cannot be read");
            }

            Demand(done + there.Length <= bytes.Length && bytes.AsSpan(done, there.Length).SequenceEqual(there), "a locked page holds other bytes");
            done += there.Length;
        }

        Demand(done == bytes.Length, "the pieces are not all that was locked");
        foreach ((ModelBacking backing, int page) in pages)
        {
            backing.Locks[page]++;
        }

        _locks.Add(new ModelLock(locked, pages));
        if (_locks.Count > MaxLocks)
        {
            Unlock(0);
        }
    }

    private void Unlock(int which)
    {
        if (_locks.Count == 0)
        {
            return;
        }

        ModelLock held = _locks[which % _locks.Count];
        _locks.Remove(held);
        held.Locked.Dispose();
        held.Locked.Dispose();
        foreach ((ModelBacking backing, int page) in held.Pages)
        {
            backing.Locks[page]--;
        }

        VerifyLocks();
    }

    private void VerifyLocks()
    {
        foreach (ModelBacking backing in _backings)
        {
            for (int page = 0; backing.Sparse is not null && page < backing.Pages; page++)
            {
                bool isPinned = ModelBacking.GuestPages(page).Any(backing.Sparse.IsPinned);
                Demand(isPinned == backing.Locks[page] > 0, $"page {page} of {backing.Kind} is locked {backing.Locks[page]} times in the model");
            }
        }
    }

    private void Slice(ModelView view, ulong address, ulong length, int how)
    {
        // A view of nothing may start anywhere but past the end.
        ExpectedFault? expected = length == 0 && address > 0 && !view.Regions.Any(region => region.Last >= address - 1)
            ? new ExpectedFault(GuestMemoryFaultKind.OutOfRange, FaultCause.Check, address)
            : view.CheckRange(address, length);
        bool succeeded = view.Real.TrySlice(address, length, how % 2 == 0, out GuestMemory? part, out GuestMemoryFault fault);
        Judge(succeeded, fault, expected, GuestMemoryOperation.Slice, (address, length));
        if (part is null)
        {
            return;
        }

        List<ModelRegion> regions = [];
        foreach ((ModelRegion region, ulong at, int offset, int piece) in view.Pieces(address, length))
        {
            regions.Add(new ModelRegion(at - address, (ulong)piece, region.Backing, offset, region.Protection));
        }

        Demand(part.End == length, "the end of the slice");
        if (view.Depth < MaxDepth && _views.Count < MaxViews)
        {
            _views.Add(new ModelView(part, regions, part.IsStrict, view));
        }
        else
        {
            part.Dispose();
        }
    }
}
