using System.Diagnostics;
using Hyperspan.Guarding;
using Hyperspan.Synchronization;

namespace Hyperspan.Translation;

/// <summary>Guest memory behind an IOMMU: a <see cref="GuestMemory"/> whose addresses are I/O virtual ones, each translated to one of another memory.</summary>
/// <remarks>
/// <para>
/// <see cref="Memory"/> is used like any other memory, all of 2^64 addresses: values, bytes, fills, copies, atomic operations, probes, pins, vectors, slices. Each access
/// goes page by page, where the translations lead; permissions are those of each translation and of the memory below it. A fault has the I/O virtual address in <see
/// cref="GuestMemoryFault.Address"/> and, where it was translated, the guest-physical one in <see cref="GuestMemoryFault.TargetAddress"/>.
/// </para>
/// <para>
/// Translations of pages are remembered, at most 512 for reads and as many for writes. Who takes one away tells the translator first, then calls <see
/// cref="Invalidate(ulong, ulong, CancellationToken)"/>: when that returns, no access by the old translation is under way and none begins, and nothing is pinned by it.
/// </para>
/// <para>
/// Writes are tracked where they arrive: a <see cref="DirtyLog"/> of the memory below has the guest-physical addresses. <see cref="Memory"/> itself cannot be tracked.
/// It is closed with the memory below. All members are safe to use from any thread.
/// </para>
/// </remarks>
[DebuggerDisplay("{Memory.Name}, by {Translator}")]
public sealed partial class TranslatedMemory : IDisposable
{
    private readonly TranslationHolds _holds = new();
    private readonly PinnedRanges _pins = new();
    private readonly Iotlb _iotlb = new();

    // Guards what is written to the table of translations.
    private readonly Lock _changing = new();

    // Goes up whenever translations are taken out: what was looked up before is not put in.
    private ulong _generation;

    /// <summary>Initializes a new instance of the <see cref="TranslatedMemory"/> class.</summary>
    /// <param name="target">The memory that addresses are translated to. It stays open when this is disposed.</param>
    /// <param name="translator">Says where they lie.</param>
    /// <param name="name">The name used in faults; the target's where it is <see langword="null"/>.</param>
    /// <exception cref="ObjectDisposedException"><paramref name="target"/> has been disposed.</exception>
    public TranslatedMemory(GuestMemory target, IAddressTranslator translator, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(target);
        ArgumentNullException.ThrowIfNull(translator);
        ObjectDisposedException.ThrowIf(target.IsDisposed, target);
        Target = target;
        Translator = translator;
        if (HyperspanEnvironment.WhyNot(HyperspanAbility.RecoveredFaults) is null)
        {
            Guard.EnsureInstalled();
        }

        Memory = GuestMemory.CreateTranslated(this, name ?? target.Name);
    }

    /// <summary>Gets the memory that addresses are translated to.</summary>
    public GuestMemory Target { get; }

    /// <summary>Gets what says where addresses lie.</summary>
    public IAddressTranslator Translator { get; }

    /// <summary>Gets the memory whose addresses are translated.</summary>
    public GuestMemory Memory { get; }

    /// <summary>
    /// Forgets the translations of a range, which the translator does not give any more, and waits until no access uses them and nothing is pinned by them.
    /// </summary>
    /// <param name="address">The first I/O virtual address.</param>
    /// <param name="length">The length in bytes. What reaches past 2^64 is cut off there.</param>
    /// <param name="cancellationToken">Ends the wait, for a pin that is never released for instance; then nothing is promised but that no new access uses them.</param>
    /// <exception cref="OperationCanceledException">The wait was canceled.</exception>
    /// <exception cref="InvalidOperationException">
    /// The calling thread is in an access through this memory, in a page-fault handler of the memory below for instance, or in a section of <see
    /// cref="RcuDomain.GuestMemory"/>: it would wait for itself.
    /// </exception>
    public void Invalidate(ulong address, ulong length, CancellationToken cancellationToken = default)
    {
        if (length == 0)
        {
            return;
        }

        _holds.ThrowIfHeld();
        (ulong firstPage, ulong lastPage) = PagesOf(address, length);
        using (UninterruptedLock.Enter(_changing))
        {
            _generation++;
            _iotlb.Remove(firstPage, lastPage);
        }

        // What goes through the table, then what may block, then what is pinned.
        RcuDomain.GuestMemory.Synchronize(cancellationToken);
        _holds.Wait(cancellationToken);
        _pins.WaitUntilFree(firstPage, lastPage + 1, cancellationToken);
    }

    /// <summary>Forgets the translations of a range; see <see cref="Invalidate(ulong, ulong, CancellationToken)"/>.</summary>
    /// <param name="range">The range of I/O virtual addresses.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="OperationCanceledException">The wait was canceled.</exception>
    /// <exception cref="InvalidOperationException">The calling thread would wait for itself.</exception>
    public void Invalidate(GuestRange range, CancellationToken cancellationToken = default) =>
        Invalidate(range.Start.Value, range.Length, cancellationToken);

    /// <summary>Forgets all translations; see <see cref="Invalidate(ulong, ulong, CancellationToken)"/>.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="OperationCanceledException">The wait was canceled.</exception>
    /// <exception cref="InvalidOperationException">The calling thread would wait for itself.</exception>
    public void InvalidateAll(CancellationToken cancellationToken = default)
    {
        // A length cannot say 2^64: the last byte is in the same page.
        Invalidate(0, ulong.MaxValue, cancellationToken);
    }

    /// <summary>Gets whether anything is pinned in a range, so that <see cref="Invalidate(ulong, ulong, CancellationToken)"/> would wait for it.</summary>
    /// <param name="address">The first I/O virtual address.</param>
    /// <param name="length">The length in bytes. What reaches past 2^64 is cut off there.</param>
    /// <returns>Whether a page of the range is pinned at this moment.</returns>
    public bool IsPinned(ulong address, ulong length)
    {
        (ulong first, ulong last) = PagesOf(address, length);
        return length != 0 && _pins.FirstIn(first, last + 1) is not null;
    }

    /// <summary>Closes <see cref="Memory"/>. Pins that are held stay valid.</summary>
    public void Dispose() => Memory.Dispose();

    /// <summary>Gets the table for the fast paths.</summary>
    internal Iotlb Iotlb => _iotlb;

    /// <summary>
    /// Has no fast path use a translation from now on, before a memory below is taken away: those under way by the table have ended when this returns, or find out.
    /// </summary>
    internal void Forget()
    {
        using (UninterruptedLock.Enter(_changing))
        {
            _generation++;
            _iotlb.Clear();
        }

        Guard.FlushRestartableSequences();
    }

    /// <summary>As <see cref="Forget"/>, for writes: somebody wants to be told of them.</summary>
    internal void ForgetWrites()
    {
        using (UninterruptedLock.Enter(_changing))
        {
            _generation++;
            _iotlb.ClearWrites();
        }

        Guard.FlushRestartableSequences();
    }

    /// <summary>The first and the last page of a range of at least one byte.</summary>
    private static (ulong First, ulong Last) PagesOf(ulong address, ulong length)
    {
        ulong last = length - 1 > ulong.MaxValue - address ? ulong.MaxValue : address + (length - 1);
        return (address >> GuestAddress.PageShift, last >> GuestAddress.PageShift);
    }

    /// <summary>Remembers the page of an address, where the fast paths can reach what it leads to. Called in an access under way.</summary>
    /// <param name="generation">The generation from before the translation was looked up.</param>
    /// <param name="address">The I/O virtual address.</param>
    /// <param name="target">Where that is.</param>
    /// <param name="translation">The translation.</param>
    private unsafe void Remember(ulong generation, ulong address, ulong target, in AddressTranslation translation)
    {
        ulong page = address >> GuestAddress.PageShift;
        ulong targetPage = target & ~(ulong)(GuestAddress.PageSize - 1);
        if (!Guard.SupportsRestartableSequences
            || Target.Find(targetPage) is not { } region
            || !(region.IsDirect || region.IsGuardedInline)
            || !region.Holds(targetPage, GuestAddress.PageSize))
        {
            return;
        }

        byte* mapping = region.At(targetPage);
        bool read = region.CanRead && translation.Protection.CanRead;
        bool write = region.CanWrite && translation.Protection.CanWrite && region.Backing.Trackers is null;
        if (((nuint)mapping & (GuestAddress.PageSize - 1)) != 0
            || ((!read || Iotlb.Has(_iotlb.Reads, page)) && (!write || Iotlb.Has(_iotlb.Writes, page))))
        {
            return;
        }

        using (UninterruptedLock.Enter(_changing))
        {
            // Whoever closes or tracks memory says so before it takes translations out.
            if (generation == _generation && !Target.IsClosed(region) && !Memory.IsDisposed)
            {
                if (read)
                {
                    Iotlb.Set(_iotlb.Reads, page, mapping);
                }

                if (write && region.Backing.Trackers is null)
                {
                    Iotlb.Set(_iotlb.Writes, page, mapping);
                }
            }
        }
    }
}
