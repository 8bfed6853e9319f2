using Hyperspan.Guarding;
using Hyperspan.Interop.Linux;
using Hyperspan.Tests.Backing;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Tests.Resilience;

/// <summary>A memory whose second page, of two or more, cannot be accessed, for different reasons.</summary>
internal sealed class HoleInMemory : IDisposable
{
    /// <summary>The size of a page of the system's: what goes, goes by these.</summary>
    public static readonly ulong Page = SelfProbe.Page;

    public HoleInMemory(string reason)
    {
        Memory = new GuestMemory(Make(reason), reason);
        (Kind, Cause) = reason switch
        {
            "restricted" => (GuestMemoryFaultKind.Restricted, FaultCause.AccessBitmap),
            "truncated file" or "truncated foreign" when Guard.UsesMachineCode => (GuestMemoryFaultKind.Unmapped, FaultCause.BusError),
            _ => (GuestMemoryFaultKind.Unmapped, FaultCause.SegmentationFault),
        };
    }

    public static TheoryData<string> Reasons => ["decommitted", "blocking", "truncated file", "truncated foreign", "restricted"];

    public GuestMemory Memory { get; }

    public GuestMemoryFaultKind Kind { get; }

    public FaultCause Cause { get; }

    /// <summary>Whether there is good memory behind the hole.</summary>
    public bool GoesOn => Memory.End > 2 * Page;

    public void Dispose() => Memory.Dispose();

    private static GuestMemoryBacking Make(string reason)
    {
        if (reason is "truncated file" or "truncated foreign")
        {
            using var file = new SafeFileHandle(LibC.MemfdCreate("hole", MemoryFileFlags.CloseOnExec), ownsHandle: true);
            LibC.Ftruncate(file, 2 * (long)Page).ShouldBe(0);
            GuestMemoryBacking backing = reason == "truncated file"
                ? new FileBacking(file, FileAccess.ReadWrite)
                : new ForeignBacking(file, 0, 2 * Page);
            LibC.Ftruncate(file, (long)Page).ShouldBe(0);
            return backing;
        }

        var mapping = new SparseBacking(3 * Page, new SparseBackingOptions { FaultBehavior = reason == "blocking" ? FaultBehavior.MayBlock : FaultBehavior.MayFault });
        mapping.Commit(0, 3 * Page);
        if (reason == "restricted")
        {
            byte[] bits = new byte[((3 * SelfProbe.GuestPages) + 7) / 8];
            for (ulong page = 0; page < 3 * SelfProbe.GuestPages; page++)
            {
                bits[page / 8] |= (byte)(page / SelfProbe.GuestPages == 1 ? 0 : 1 << (int)(page % 8));
            }

            return new MappedBacking(mapping, bits);
        }

        mapping.Decommit(Page, Page);
        return mapping;
    }
}
