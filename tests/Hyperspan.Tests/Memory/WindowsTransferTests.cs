using Microsoft.Win32.SafeHandles;
using static Hyperspan.Tests.MemoryAssert;

namespace Hyperspan.Tests;

/// <summary>Transfers between files, sockets and guest pages where the system takes one piece at a time and has error numbers of its own.</summary>
public sealed class WindowsTransferTests : IDisposable
{
    private const ulong Page = 4096;
    private const int AccessDenied = 5;

    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    [WindowsFact]
    public void Files_go_into_and_out_of_scattered_pieces()
    {
        byte[] content = Pattern(20_000);
        File.WriteAllBytes(_path, content);
        using GuestMemory memory = new GuestMemoryBuilder("ram").AddRegion(0, PinTests.Committed(4)).AddRegion(4 * Page, new HeapBacking(8 * Page)).Build();
        using (SafeFileHandle file = File.OpenHandle(_path, FileMode.Open, FileAccess.ReadWrite))
        {
            using var vectors = new GuestIoVectors(AccessType.Write);
            vectors.Add(memory, (3 * Page) + 50, 5000);
            vectors.Add(memory, 9 * Page, 300);
            vectors.ReadFrom(file, 11);
            memory.Read((3 * Page) + 50, 5000).ShouldBe(content.AsSpan(11, 5000).ToArray());
            memory.Read(9 * Page, 300).ShouldBe(content.AsSpan(5011, 300).ToArray());

            memory.WriteTo((3 * Page) + 50, 5000, file, 30_000);
            memory.ReadFrom(5, 10_000, file, 0);
            memory.Read(5, 10_000).ShouldBe(content.AsSpan(0, 10_000).ToArray());
            memory.TryReadFrom(0, 4 * Page, file, 30_000, out FileTransfer atEnd).ShouldBeFalse();
            (atEnd.EndOfFile, atEnd.Transferred).ShouldBe((true, 5000UL));
        }

        File.ReadAllBytes(_path).AsSpan(30_000).ToArray().ShouldBe(content.AsSpan(11, 5000).ToArray());
    }

    [WindowsFact]
    public void A_file_that_is_not_open_for_writing_is_the_systems_error()
    {
        File.WriteAllBytes(_path, new byte[10]);
        using GuestMemory memory = GuestMemory.Allocate(Page);
        using SafeFileHandle file = File.OpenHandle(_path);
        memory.TryWriteTo(0, 10, file, 0, out FileTransfer refused).ShouldBeFalse();
        refused.ErrorNumber.ShouldBe(AccessDenied);
        refused.Transferred.ShouldBe(0UL);
    }

    [WindowsFact]
    public void A_page_that_went_after_it_was_listed_is_a_fault()
    {
        File.WriteAllBytes(_path, Pattern(4 * (int)Page));
        SparseBacking pages = PinTests.Committed(4);
        using GuestMemory memory = new(new UnpinnedBacking(pages), "ram");
        using SafeFileHandle file = File.OpenHandle(_path);
        using var vectors = new GuestIoVectors(AccessType.Write);
        vectors.Add(memory, 0, Page);
        vectors.Add(memory, 2 * Page, Page);
        pages.Decommit(2 * Page, Page);
        vectors.TryReadFrom(file, 0, out FileTransfer transfer).ShouldBeFalse();
        transfer.Transferred.ShouldBe(Page);
        transfer.Fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, 2 * Page);
    }

    [WindowsFact]
    public void Sockets_send_and_receive()
    {
        using var sockets = new ConnectedSockets();
        using GuestMemory memory = GuestMemory.Allocate(4 * Page);
        byte[] data = Pattern(3000);
        memory.Write(50, data);
        memory.Send(50, 3000, sockets.Client);
        memory.Receive(2 * Page, 3000, sockets.Server);
        memory.Read(2 * Page, 3000).ShouldBe(data);
        sockets.Client.Dispose();
        memory.TryReceive(0, 1, sockets.Server, out FileTransfer end).ShouldBeFalse();
        end.EndOfFile.ShouldBeTrue();
    }

    /// <summary>Pages that may go while they are pinned.</summary>
    private sealed unsafe class UnpinnedBacking(SparseBacking pages) : GuestMemoryBacking
    {
        public override ulong Length => pages.Length;

        public override byte* Mapping => pages.Mapping;

        protected override void Release() => pages.Dispose();
    }
}
