using Hyperspan.Interop.Linux;
using Hyperspan.TestHost.Storms;
using Hyperspan.Tests;

namespace Hyperspan.TestHost.Model;

/// <content>What happens to pages behind the memory's back.</content>
internal sealed unsafe partial class ModelBacking
{
    private readonly FallbackBacking? _device;
    private readonly HandlingMemory? _handling;
    private readonly RestrictedBacking? _restricted;

    /// <summary>Does one of several things to some pages, if this kind of backing knows it, in the memory and in the model.</summary>
    public string Change(int what, int first, int count)
    {
        count = Math.Min(count, Pages - first);
        ulong offset = (ulong)first * (ulong)PageSize;
        ulong length = (ulong)count * (ulong)PageSize;
        if (Sparse is not null && (_restricted is null || what % 2 == 0))
        {
            return ChangeMapping(_restricted is null ? what % 7 : what / 2 % 7, first, count, offset, length);
        }

        if (_restricted is not null)
        {
            AccessType access = what / 2 % 2 == 0 ? AccessType.Read : AccessType.Write;
            bool permitted = what / 4 % 2 == 0;
            for (int page = first; page < first + count; page++)
            {
                foreach (ulong guestPage in GuestPages(page))
                {
                    _restricted.Permit(guestPage, access, permitted);
                }

                (access == AccessType.Write ? _writable : _readable)[page] = permitted;
            }

            GuestMemory.SynchronizeRestrictions();
            return permitted ? "permit" : "forbid";
        }

        if (_file is not null)
        {
            // Bytes past the new end are lost; what the file grows by is zeros.
            int end = what % 2 == 0 ? first : Pages;
            _ = LibC.Ftruncate(_file, (long)end * PageSize);
            for (int page = 0; page < Pages; page++)
            {
                if (page >= end)
                {
                    Clear(page);
                }

                _states[page] = page < end ? PageState.Accessible : PageState.PastEnd;
            }

            return "truncate";
        }

        if (_device is not null)
        {
            _device.Hole = what % 3 == 0 ? null : offset + ((ulong)(what * 37) % (ulong)PageSize);
            return "hole";
        }

        return "nothing";
    }

    private string ChangeMapping(int what, int first, int count, ulong offset, ulong length)
    {
        switch (what)
        {
            case 0:
                Act(false, () => Sparse!.Commit(offset, length), page => Commit(page, PageState.Accessible));
                return "commit";
            case 1:
                Act(
                    Any(page => Locks[page] > 0 && _states[page] == PageState.Accessible),
                    () => Sparse!.Commit(offset, length, Protection.Read),
                    page => Commit(page, PageState.ReadOnly));
                return "commit read-only";
            case 2:
                Act(Any(page => Locks[page] > 0 && _states[page] != PageState.Hole), () => Sparse!.Decommit(offset, length), Lose);
                return "decommit";
            case 3:
                Act(Any(page => Locks[page] > 0 && _states[page] != PageState.Hole), () => Sparse!.Unmap(offset, length), Lose);
                return "unmap";
            case 4:
                Act(
                    Any(page => _states[page] == PageState.Hole || (Locks[page] > 0 && _states[page] != PageState.None)),
                    () => Sparse!.Protect(offset, length, Protection.None),
                    page => _states[page] = PageState.None);
                return "protect";
            case 5:
                Act(
                    Any(page => _states[page] == PageState.Hole || (Locks[page] > 0 && _states[page] == PageState.Accessible)),
                    () => Sparse!.Protect(offset, length, Protection.Read),
                    page => _states[page] = PageState.ReadOnly);
                return "protect read-only";
            default:
                Act(
                    Any(page => Locks[page] > 0 && _states[page] != PageState.Hole),
                    () => Sparse!.MapZero(offset, length),
                    page =>
                    {
                        Clear(page);
                        _states[page] = PageState.ReadOnly;
                    });
                return "map zeros";
        }

        bool Any(Func<int, bool> condition) => Enumerable.Range(first, count).Any(condition);

        void Act(bool refused, Action act, Action<int> change)
        {
            try
            {
                act();
            }
            catch (InvalidOperationException) when (refused)
            {
                return;
            }

            if (refused)
            {
                throw new ModelFailureException($"change {what} of pages {first}+{count} must be refused, for a page is locked or not mapped");
            }

            for (int page = first; page < first + count; page++)
            {
                change(page);
            }
        }
    }

    private void Commit(int page, PageState state)
    {
        if (_states[page] == PageState.Hole)
        {
            Clear(page);
        }

        _states[page] = state;
    }

    private void Lose(int page)
    {
        Clear(page);
        _states[page] = PageState.Hole;
    }

    private void Clear(int page) => Bytes.AsSpan(page * PageSize, PageSize).Clear();
}
