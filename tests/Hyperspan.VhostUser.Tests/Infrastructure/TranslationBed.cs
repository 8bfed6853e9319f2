using System.Diagnostics;

using Hyperspan.Translation;
using Hyperspan.Virtio;

namespace Hyperspan.VhostUser.Tests;

/// <summary>A queue whose driver uses I/O virtual addresses, and the IOMMU behind the front end: one page after the other, downward from the end of memory.</summary>
internal sealed class TranslationBed : IDisposable
{
    /// <summary>The first address.</summary>
    internal const ulong Iova = 0x7f_4000_0000;

    private const ulong Mega = 1 << 20;
    private const ulong Page = GuestAddress.PageSize;

    private readonly TestMemory _memory;
    private readonly VhostUserInflight? _inflight;

    internal TranslationBed(TestMemory memory, TimeSpan timeout, bool recorded, IVirtioQueueHandler? handler = null, TimeSpan? stopTimeout = null)
    {
        _memory = memory;
        for (ulong at = 0; at < TestDriver.Length; at += Page)
        {
            Map[Iova + at] = (Mega / 2) - Page - at;
        }

        Harness = new Harness(
            new TestDevice { MakeHandler = handler is null ? null : () => handler },
            new VhostUserOptions { OfferAddressTranslation = true, TranslationTimeout = timeout, StopTimeout = stopTimeout ?? new VhostUserOptions().StopTimeout });
        FrontEnd.Negotiate();
        FrontEnd.OpenBackendChannel();
        FrontEnd.SetMemory(memory.Region());
        if (recorded)
        {
            _inflight = FrontEnd.GetInflight(1, 16);
            FrontEnd.SetInflight(_inflight);
        }

        var driven = new TranslatedMemory(memory.Memory, new MappedPages(Map));
        Driver = new TranslatedDriver(driven);
        Queue = FrontEnd.StartQueue(0, Driver.Layout);
    }

    internal Dictionary<ulong, ulong> Map { get; } = [];

    /// <summary>Gets the pages that the IOMMU refuses to translate for the device; the driver has them.</summary>
    internal HashSet<ulong> Refused { get; } = [];

    internal List<(ulong Address, AccessType Access)> Misses { get; } = [];

    /// <summary>Gets or sets a value indicating whether the front end replies to misses, where the back end wants that.</summary>
    internal bool Replies { get; set; } = true;

    internal Harness Harness { get; }

    internal VhostUserFrontEnd FrontEnd => Harness.FrontEnd;

    internal TranslatedDriver Driver { get; }

    internal VhostUserFrontEndQueue Queue { get; private set; }

    internal void Restart(ushort at)
    {
        Queue.Dispose();
        Queue = FrontEnd.StartQueue(0, Driver.Layout, at);
    }

    /// <summary>Moves a page, with what is in it.</summary>
    internal void Move(ulong iova, ulong target)
    {
        _memory.Memory.CopyTo(Map[iova], _memory.Memory, target, Page);
        Map[iova] = target;
        Driver.Memory.Invalidate(iova, Page);
    }

    /// <summary>Answers what the back end asks for until all that was submitted is done.</summary>
    internal void Serve() => ServeUntil(() => Driver.Outstanding == 0);

    internal void ServeUntil(Func<bool> done)
    {
        Driver.Reap();
        var clock = Stopwatch.StartNew();
        while (!done())
        {
            clock.Elapsed.ShouldBeLessThan(Harness.Patience, Harness.Log.ToString());
            if (FrontEnd.WaitForMiss(TimeSpan.FromMilliseconds(2), out ulong address, out AccessType access))
            {
                Misses.Add((address, access));
                Answer(address, access);
            }

            Driver.Reap();
        }
    }

    /// <summary>Does what the IOMMU does about a miss.</summary>
    internal void Answer(ulong address, AccessType access)
    {
        bool isMapped = Map.TryGetValue(address, out ulong target) & !Refused.Contains(address);
        if (isMapped)
        {
            FrontEnd.UpdateTranslation(address, target, Page, access == AccessType.Write ? Protection.ReadWrite : Protection.Read);
        }

        if (Replies)
        {
            FrontEnd.ReplyToMiss(isMapped);
        }
    }

    public void Dispose()
    {
        Queue.Dispose();
        Harness.Dispose();
        _inflight?.Dispose();
    }
}
