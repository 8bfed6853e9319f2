using System.Runtime.InteropServices;

namespace Hyperspan.TestHost.Model;

/// <summary>Memories and their model side by side: every command is done to both, and compared.</summary>
internal sealed unsafe partial class ModelWorld : IDisposable
{
    private const ulong GuestPage = GuestAddress.PageSize;
    private const int MaxViews = 10;

    private readonly List<ModelBacking> _backings = [];
    private readonly List<ModelView> _views = [];
    private readonly List<ModelLock> _locks = [];
    private readonly ulong _base;
    private ulong _digest = 0xcbf29ce484222325;

    public ModelWorld(ModelLayout layout, IReadOnlyList<BackingKind> kinds)
    {
        List<ModelRegion> regions = [];
        switch (layout)
        {
            case ModelLayout.OneRegion:
                Add(0, Backing(0, 6));
                break;
            case ModelLayout.Touching or ModelLayout.Strict:
                Add(0, Backing(0, 3));
                Add(3 * Page, Backing(1, 2));
                Add(5 * Page, Backing(2, 3));
                break;
            case ModelLayout.Gaps:
                Add(Page, Backing(0, 2));
                Add(4 * Page, Backing(1, 3));
                Add(8 * Page, Backing(2, 2));
                break;
            case ModelLayout.ShownTwice:
                ModelBacking twice = Backing(0, 4);
                Add(0, twice, PageOf(1));
                Add(6 * Page, twice);
                Add(11 * Page, Backing(1, 2));
                break;
            case ModelLayout.TopOfAddressSpace:
                _base = ulong.MaxValue - (8 * Page) + 1;
                Add(_base, Backing(0, 3));
                Add(ulong.MaxValue - (3 * Page) + 1, Backing(1, 3));
                break;
            case ModelLayout.Protected:
                Add(0, Backing(0, 2));
                Add(2 * Page, Backing(1, 2), protection: Protection.Read);
                Add(4 * Page, Backing(2, 2), protection: Protection.None);
                break;
            default:
                Add(0x234, Backing(0, 3));
                Add((5 * Page) + 0x10, Backing(1, 3));
                break;
        }

        _views.Add(Build("main", regions, layout == ModelLayout.Strict));

        // A second memory that shows the first backing too, after some memory of its own.
        var own = new ModelBacking(BackingKind.Heap, 2);
        _backings.Add(own);
        ModelBacking shared = _backings[0];
        _views.Add(Build(
            "other",
            [
                new ModelRegion(0, 2 * Page, own, 0, Protection.ReadWrite),
                new ModelRegion(2 * Page, (ulong)shared.Bytes.Length, shared, 0, Protection.ReadWrite),
            ],
            strict: false));

        ModelBacking Backing(int kind, int pages)
        {
            var backing = new ModelBacking(kinds[kind % kinds.Count], pages);
            _backings.Add(backing);
            return backing;
        }

        static int PageOf(int page) => page * ModelBacking.PageSize;

        void Add(ulong start, ModelBacking backing, int offset = 0, Protection? protection = null) =>
            regions.Add(new ModelRegion(start, (ulong)(backing.Bytes.Length - offset), backing, offset, protection ?? Protection.ReadWrite));
    }

    /// <summary>A number that stands for every answer so far.</summary>
    public ulong Digest => _digest;

    private static ulong Page => (ulong)ModelBacking.PageSize;

    public void Do(ModelCommand command)
    {
        ModelView view = _views[command.View % _views.Count];
        ulong address = unchecked((view == _views[0] ? _base : 0) + (ulong)command.Address);
        switch (command.Operation)
        {
            case ModelOperation.Read or ModelOperation.Write or ModelOperation.ReadOrdered or ModelOperation.WriteOrdered
                or ModelOperation.CompareExchange or ModelOperation.ReadEndian or ModelOperation.WriteEndian:
                DoScalar(command, view, address);
                break;
            case ModelOperation.ReadBytes:
                ReadBytes(view, address, (ulong)command.Length, command.Value);
                break;
            case ModelOperation.WriteBytes:
                WriteBytes(view, address, (ulong)command.Length, command.Value);
                break;
            case ModelOperation.Fill:
                Fill(view, address, (ulong)command.Length, command.Value);
                break;
            case ModelOperation.Copy:
                ModelView target = _views[command.Value % _views.Count];
                Copy(view, address, target, unchecked((target == _views[0] ? _base : 0) + (ulong)command.Other), (ulong)command.Length, command.Value);
                break;
            case ModelOperation.Probe:
                Probe(view, address, (ulong)command.Length, command.Value);
                break;
            case ModelOperation.ProbePages:
                ProbePages(view, PageNumbers(command, address), command.Value);
                break;
            case ModelOperation.Lock:
                Lock(view, address, (ulong)command.Length, command.Value);
                break;
            case ModelOperation.LockPages:
                LockPages(view, PageNumbers(command, address), command.Value);
                break;
            case ModelOperation.Unlock:
                Unlock(command.Value);
                break;
            case ModelOperation.Slice:
                Slice(view, address, (ulong)command.Length, command.Value);
                break;
            case ModelOperation.Close:
                if (view.Depth > 0)
                {
                    view.Close();
                }

                break;
            default:
                ModelBacking backing = _backings[(int)(unchecked((uint)command.Other) % _backings.Count)];
                Mix(backing.Change(command.Value, (int)(unchecked((uint)command.Address) / Page % (uint)backing.Pages), 1 + (command.Value / 7 % 2)).Length);
                VerifyLocks();
                break;
        }
    }

    /// <summary>Closes the memory while pages are still locked, and looks at what is left.</summary>
    public void End()
    {
        VerifyBytes();
        _views[0].Close();
        foreach (ModelView view in _views)
        {
            bool read = view.Real.TryRead(view.Regions.Count == 0 ? 0 : view.Regions[0].Start, out byte _, out GuestMemoryFault fault);
            Demand(!view.IsClosed || (!read && fault.Kind == GuestMemoryFaultKind.Disposed), $"a closed memory answers {fault}");
            Demand(view.Real.IsDisposed == view.IsClosed, "IsDisposed");
        }

        while (_locks.Count > 0)
        {
            Unlock(0);
        }

        foreach (ModelBacking backing in _backings)
        {
            Demand(backing.Locks.All(count => count == 0), "a page of the model is still locked");
        }
    }

    public void Dispose()
    {
        foreach (ModelLock held in _locks)
        {
            held.Locked.Dispose();
        }

        foreach (ModelView view in _views)
        {
            view.Close();
        }

        foreach (ModelBacking backing in _backings)
        {
            backing.Dispose();
        }
    }

    private static ModelView Build(string name, IReadOnlyList<ModelRegion> regions, bool strict)
    {
        GuestMemoryBuilder builder = new GuestMemoryBuilder(name).LeaveBackingsOpen();
        if (strict)
        {
            builder.Strict();
        }

        foreach (ModelRegion region in regions)
        {
            builder.AddRegion(region.Start, region.Backing.Real, (ulong)region.Offset, region.Length, region.Protection);
        }

        return new ModelView(builder.Build(), regions, strict, parent: null);
    }

    private static void Demand(bool condition, string complaint)
    {
        if (!condition)
        {
            throw new ModelFailureException(complaint);
        }
    }

    private static ulong[] PageNumbers(ModelCommand command, ulong address)
    {
        ulong[] pages = new ulong[1 + (command.Length % 5)];
        for (int i = 0; i < pages.Length; i++)
        {
            pages[i] = (address / GuestPage) + (ulong)(i * (command.Value % 3));
        }

        return pages;
    }

    /// <summary>Compares the outcome of an operation with what the model expects, in every detail.</summary>
    private void Judge(
        bool succeeded, in GuestMemoryFault fault, ExpectedFault? expected, GuestMemoryOperation operation, (ulong Start, ulong Length)? range)
    {
        Mix(succeeded ? 1 : 2 + (int)fault.Kind);
        if (expected is null)
        {
            Demand(succeeded, $"must succeed, but: {fault}");
            Demand(!fault.IsFault, $"has succeeded with a fault: {fault}");
            return;
        }

        Demand(!succeeded, $"must fail with {expected}");
        Demand(expected.Matches(fault), $"must fail with {expected}, not with {fault.Kind}, {fault.Cause}: {fault}");
        Demand(fault.Operation == operation, $"the fault names {fault.Operation}");
        Demand(fault.HasRange == range.HasValue, "HasRange");
        if (range is { } asked)
        {
            Demand(fault.Start.Value == asked.Start && fault.Length == asked.Length, $"the fault names 0x{fault.Start.Value:x}+0x{fault.Length:x}");
        }

        Demand((fault.Exception is not null) == (fault.Kind == GuestMemoryFaultKind.Other), "the exception");
        Mix((long)(fault.Address?.Value ?? 3));
    }

    private void Mix(long value) => _digest = (_digest ^ (ulong)value) * 0x100000001b3;

    private void Mix(ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes)
        {
            Mix(value);
        }
    }

    /// <summary>Every byte that is mapped must be what the model says, whoever may access it.</summary>
    private void VerifyBytes()
    {
        Span<byte> bytes = stackalloc byte[ModelBacking.PageSize];
        foreach (ModelBacking backing in _backings)
        {
            for (int offset = 0; offset < backing.Bytes.Length; offset += ModelBacking.PageSize)
            {
                if (!backing.TryReadRaw(offset, bytes))
                {
                    continue;
                }

                int same = bytes.CommonPrefixLength(backing.Bytes.AsSpan(offset, ModelBacking.PageSize));
                Demand(
                    same == ModelBacking.PageSize,
                    same == ModelBacking.PageSize ? "" : $"byte 0x{offset + same:x} of {backing.Kind} is 0x{bytes[same]:x2}, not 0x{backing.Bytes[offset + same]:x2}");
            }
        }
    }

    /// <summary>After a write that failed: what it may have written is as before or as it was to be; then it is put back.</summary>
    private static void AcceptEither(ModelView view, ulong address, ReadOnlySpan<byte> written)
    {
        int done = 0;
        Span<byte> buffer = stackalloc byte[ModelBacking.PageSize];
        foreach ((ModelRegion region, _, int offset, int piece) in view.Pieces(address, (ulong)written.Length).ToList())
        {
            for (int at = offset; at < offset + piece;)
            {
                int part = Math.Min(offset + piece - at, ModelBacking.PageSize - (at % ModelBacking.PageSize));
                Span<byte> actual = buffer[..part];
                if (region.Backing.TryReadRaw(at, actual))
                {
                    for (int i = 0; i < part; i++)
                    {
                        Demand(
                            actual[i] == region.Backing.Bytes[at + i] || actual[i] == written[done + i],
                            $"byte 0x{at + i:x} of {region.Backing.Kind} is neither the old nor the new one");
                    }

                    region.Backing.RestoreRaw(at, part);
                }

                at += part;
                done += part;
            }
        }
    }

    private sealed record ModelLock(PinnedMemory Locked, IReadOnlyList<(ModelBacking Backing, int Page)> Pages);

    private static byte[] SomeBytes(ulong length, int seed)
    {
        byte[] bytes = new byte[length];
        ulong state = (ulong)seed * 0x9E3779B97F4A7C15;
        foreach (ref ulong word in MemoryMarshal.Cast<byte, ulong>(bytes.AsSpan()))
        {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            word = state;
        }

        for (int i = bytes.Length & ~7; i < bytes.Length; i++)
        {
            bytes[i] = (byte)(state >> (i % 8 * 8));
        }

        return bytes;
    }
}
