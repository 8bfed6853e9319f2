using System.Runtime.InteropServices;
using Hyperspan.Streaming;
using Hyperspan.Tests.Backing;
using Microsoft.Win32.SafeHandles;
using static Hyperspan.Tests.MemoryAssert;

namespace Hyperspan.Tests;

/// <summary>Transfers between files and guest memory, straight and through the pooled buffer; paged ranges locked and listed.</summary>
public sealed class FileTransferTests : IDisposable
{
    private const ulong Page = 4096;
    private readonly TemporaryFile _temporary = new(0);

    public void Dispose() => _temporary.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Files_are_read_and_written_exactly(bool lockable)
    {
        byte[] content = Pattern(200_000);
        File.WriteAllBytes(_temporary.Path, content);
        using SafeFileHandle file = File.OpenHandle(_temporary.Path, FileMode.Open, FileAccess.ReadWrite);
        using GuestMemory memory = lockable ? GuestMemory.Allocate(64 * Page) : new GuestMemory(new FallbackBacking((int)(64 * Page)), "io");
        memory.ReadFrom(77, 150_000, file, 10);
        memory.Read(77, 150_000).ShouldBe(content.AsSpan(10, 150_000).ToArray());
        memory.WriteTo(new GuestRange(77, 150_000), file, 40_000);
        File.ReadAllBytes(_temporary.Path).AsSpan(40_000, 150_000).ToArray().ShouldBe(content.AsSpan(10, 150_000).ToArray());

        memory.TryReadFrom(0, 100_000, file, 150_000, out FileTransfer end).ShouldBeFalse();
        end.EndOfFile.ShouldBeTrue();
        end.Transferred.ShouldBe(50_000UL);
        Should.Throw<EndOfStreamException>(() => memory.ReadFrom(0, 100_000, file, 150_000));
        memory.TryReadFrom(63 * Page, 2 * Page, file, 0, out FileTransfer outside).ShouldBeFalse();
        outside.Transferred.ShouldBe(0UL);
        outside.Fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, 64 * Page);
        Should.Throw<GuestMemoryException>(() => memory.ReadFrom(63 * Page, 2 * Page, file, 0)).Address.ShouldBe(new GuestAddress(64 * Page));
        Should.Throw<ArgumentOutOfRangeException>(() => memory.TryReadFrom(0, 1, file, -1, out _));
        using SafeFileHandle readOnly = File.OpenHandle(_temporary.Path);
        memory.TryWriteTo(0, 10, readOnly, 0, out FileTransfer refused).ShouldBeFalse();
        Should.Throw<IOException>(() => memory.WriteTo(0, 10, readOnly, 0)).HResult.ShouldBe(refused.ErrorNumber);
        refused.ErrorNumber.ShouldNotBe(0);
        refused.Transferred.ShouldBe(0UL);
    }

    [LinuxTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_pipe_has_no_offsets_whatever_the_memory_is(bool lockable)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("hs-");
        string path = Path.Combine(folder.FullName, "pipe");
        NamedPipe.Create(path);
        using SafeFileHandle pipe = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        folder.Delete(recursive: true);
        using GuestMemory memory = lockable ? GuestMemory.Allocate(Page) : new GuestMemory(new FallbackBacking((int)Page), "io");
        memory.TryReadFrom(0, 10, pipe, 0, out FileTransfer read).ShouldBeFalse();
        memory.TryWriteTo(0, 10, pipe, 0, out FileTransfer written).ShouldBeFalse();
        (read.ErrorNumber, written.ErrorNumber).ShouldBe((29, 29));
        read.ToString().ShouldBe($"0x0 of 0xa bytes transferred: {Marshal.GetPInvokeErrorMessage(29)}");
    }

    [Fact]
    public void A_fault_behind_the_pooled_buffer_has_the_exact_count()
    {
        File.WriteAllBytes(_temporary.Path, Pattern(100_000));
        using SafeFileHandle file = File.OpenHandle(_temporary.Path, FileMode.Open, FileAccess.ReadWrite);
        using GuestMemory memory = new(new FallbackBacking((int)(32 * Page)) { Hole = 80_000 }, "io");
        memory.TryReadFrom(0, 100_000, file, 0, out FileTransfer transfer).ShouldBeFalse();
        transfer.Fault.ShouldBeFault(GuestMemoryFaultKind.VtlProtected, 80_000);
        transfer.Fault.Length.ShouldBe(100_000UL);
        transfer.Transferred.ShouldBe(80_000UL);
        memory.TryWriteTo(0, 100_000, file, 0, out transfer).ShouldBeFalse();
        transfer.Fault.ShouldBeFault(GuestMemoryFaultKind.VtlProtected, 80_000);
    }

    [Fact]
    public void Paged_ranges_are_locked_run_by_run()
    {
        ulong unit = SelfProbe.Page;
        ulong other = 9 * SelfProbe.GuestPages;
        var mapping = new SparseBacking(16 * unit);
        mapping.Commit(0, 16 * unit);
        using GuestMemory memory = new(mapping, "ram");
        var range = new PagedRange([3, 4, other], 100, (2 * Page) + 50);
        using (PinnedMemory locked = memory.Pin(range, AccessType.Write))
        {
            locked.Count.ShouldBe(2);
            locked.Vectors[0].Length.ShouldBe((nuint)((2 * Page) - 100));
            locked.Vectors[1].Length.ShouldBe((nuint)150);
            mapping.IsPinned(3).ShouldBeTrue();
            mapping.IsPinned(other).ShouldBeTrue();
        }

        mapping.IsPinned(3).ShouldBeFalse();
        mapping.Decommit(9 * unit, unit);
        memory.TryPin(range, AccessType.Write, out _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, 9 * unit);
        fault.HasRange.ShouldBeFalse();
        mapping.IsPinned(3).ShouldBeFalse("undone");
        memory.TryPin(new PagedRange([ulong.MaxValue], 0, 1), AccessType.Read, out _, out fault).ShouldBeFalse();
        fault.Kind.ShouldBe(GuestMemoryFaultKind.OutOfRange);
    }

    [Fact]
    public void Paged_ranges_are_transferred_without_a_copy()
    {
        byte[] content = Pattern(3 * 4096);
        File.WriteAllBytes(_temporary.Path, content);
        using SafeFileHandle file = File.OpenHandle(_temporary.Path);
        using GuestMemory memory = GuestMemory.Allocate(16 * Page);
        using var vectors = new GuestIoVectors(AccessType.Write);
        vectors.TryAdd(memory, new PagedRange([7, 2, 3], 10, 9000), out GuestMemoryFault fault).ShouldBeTrue(fault.ToString());
        vectors.ReadFrom(file, 5);
        memory.Read((7 * Page) + 10, 4086).ShouldBe(content.AsSpan(5, 4086).ToArray());
        memory.Read(2 * Page, 4914).ShouldBe(content.AsSpan(4091, 4914).ToArray());
    }
}
