using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Hyperspan.Streaming;
using Hyperspan.Tests.Backing;
using Microsoft.Win32.SafeHandles;
using static Hyperspan.Tests.MemoryAssert;

namespace Hyperspan.Tests;

/// <summary>Files and sockets straight into and out of guest pages.</summary>
public class GuestIoVectorsTests
{
    private const ulong Page = 4096;

    /// <summary>Whether one call of the system takes many pieces, as only Linux' does.</summary>
    public static TheoryData<bool> Ways => OperatingSystem.IsLinux() ? [true, false] : [false];

    [Theory]
    [MemberData(nameof(Ways))]
    public void File_input_and_output_goes_straight_through_scattered_pages(bool takesMany)
    {
        using var temporary = new TemporaryFile(0);
        byte[] content = Pattern(5 * 4096 + 100);
        File.WriteAllBytes(temporary.Path, content);
        using SafeFileHandle file = File.OpenHandle(temporary.Path, FileMode.Open, FileAccess.ReadWrite);
        using GuestMemory memory = new GuestMemoryBuilder("ram").AddRegion(0, PinTests.Committed(4)).AddRegion(4 * Page, new HeapBacking(8 * Page)).Build();
        using var vectors = new GuestIoVectors(AccessType.Write, 1) { TakesMany = takesMany };
        Add(vectors, memory, 3 * Page + 50, 5000);
        Add(vectors, memory, 9 * Page, 300);
        Add(vectors, memory, 0, 7);
        vectors.Length.ShouldBe(5307UL);
        vectors.Count.ShouldBe(4, "the first crosses from one mapping into another");
        vectors.ReadFrom(file, 11);
        memory.Read(3 * Page + 50, 5000).ShouldBe(content.AsSpan(11, 5000).ToArray());
        memory.Read(9 * Page, 300).ShouldBe(content.AsSpan(5011, 300).ToArray());
        memory.Read(0, 7).ShouldBe(content.AsSpan(5311, 7).ToArray());
        vectors.Clear();

        vectors.Access = AccessType.Read;
        Add(vectors, memory, 9 * Page, 300);
        Add(vectors, memory, 3 * Page + 50, 5000);
        vectors.WriteTo(file, 4096);
        File.ReadAllBytes(temporary.Path).AsSpan(4096, 5300).ToArray()
            .ShouldBe([.. content.AsSpan(5011, 300), .. content.AsSpan(11, 5000)]);
        vectors.Clear();

        vectors.Access = AccessType.Write;
        Add(vectors, memory, 0, 4 * Page);
        vectors.TryReadFrom(file, 3 * 4096, out FileTransfer atEnd).ShouldBeFalse();
        Should.Throw<EndOfStreamException>(() => vectors.ReadFrom(file, 3 * 4096)).Message.ShouldBe(atEnd.ToString());
        Should.Throw<ArgumentOutOfRangeException>(() => vectors.ReadFrom(file, -1));
        Should.Throw<ArgumentOutOfRangeException>(() => vectors.TryWriteTo(file, -1, out _));
        atEnd.EndOfFile.ShouldBeTrue();
        atEnd.Transferred.ShouldBe((2UL * 4096) + 100);
        atEnd.ToString().ShouldBe("0x2064 of 0x4000 bytes transferred: end of file");
        Should.Throw<EndOfStreamException>(() => atEnd.ThrowIfFailed());
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void Thousands_of_pieces_take_several_calls(bool takesMany)
    {
        using var temporary = new TemporaryFile(0);
        byte[] content = Pattern(5000 * 3);
        File.WriteAllBytes(temporary.Path, content);
        using SafeFileHandle file = File.OpenHandle(temporary.Path);
        using GuestMemory memory = GuestMemory.Allocate(5000 * 16);
        using var vectors = new GuestIoVectors(AccessType.Write, 2) { TakesMany = takesMany };
        for (ulong i = 0; i < 5000; i++)
        {
            Add(vectors, memory, i * 16, 3);
        }

        vectors.Count.ShouldBe(5000);
        vectors.ReadFrom(file, 0);
        for (ulong i = 0; i < 5000; i++)
        {
            memory.Read(i * 16, 4).ShouldBe([.. content.AsSpan((int)i * 3, 3), 0]);
        }
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void A_page_taken_away_during_a_transfer_is_a_fault_with_the_exact_count(bool takesMany)
    {
        using var image = new TemporaryFile(0);
        using var ram = new TemporaryFile(0);
        ulong unit = SelfProbe.Page;
        File.WriteAllBytes(image.Path, Pattern(8 * (int)unit));
        File.WriteAllBytes(ram.Path, new byte[8 * unit]);
        using SafeFileHandle file = File.OpenHandle(image.Path, FileMode.Open, FileAccess.ReadWrite);
        using GuestMemory memory = new(new FileBacking(ram.Path, FileAccess.ReadWrite), "guest");
        using var vectors = new GuestIoVectors(AccessType.Write) { TakesMany = takesMany };
        Add(vectors, memory, 0, 8 * unit);
        using (var truncating = new FileStream(ram.Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            truncating.SetLength(3 * (long)unit);
        }

        vectors.TryReadFrom(file, 0, out FileTransfer transfer).ShouldBeFalse();
        transfer.Transferred.ShouldBe(3 * unit);
        transfer.Fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, 3 * unit);
        transfer.Fault.Cause.ShouldBe(FaultCause.BusError);
        transfer.ToString().ShouldStartWith($"0x{3 * unit:x} of 0x{8 * unit:x} bytes transferred: guest memory 'guest': write error");
        Should.Throw<GuestMemoryException>(() => transfer.ThrowIfFailed());
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void Sockets_send_and_receive_straight_out_of_guest_pages(bool takesMany)
    {
        using var sockets = new ConnectedSockets();
        using GuestMemory memory = GuestMemory.Allocate(4 * Page);
        byte[] data = Pattern(3000);
        memory.Write(50, data);
        using var sending = new GuestIoVectors(AccessType.Read) { TakesMany = takesMany };
        Add(sending, memory, 50, 1000);
        Add(sending, memory, 1050, 2000);
        sending.Count.ShouldBe(1, "they touch");
        sending.Send(sockets.Client);
        using var receiving = new GuestIoVectors(AccessType.Write) { TakesMany = takesMany };
        Add(receiving, memory, 2 * Page + 1, 3000);
        receiving.Receive(sockets.Server);
        memory.Read(2 * Page + 1, 3000).ShouldBe(data);
        sockets.Client.Dispose();
        receiving.TryReceive(sockets.Server, out FileTransfer end).ShouldBeFalse();
        end.EndOfFile.ShouldBeTrue();
        end.Transferred.ShouldBe(0UL);
        Should.Throw<EndOfStreamException>(() => receiving.Receive(sockets.Server));
        Should.Throw<EndOfStreamException>(() => memory.Receive(0, 1, sockets.Server));
        memory.TryReceive(new GuestRange(0, 1), sockets.Server, out end).ShouldBeFalse();
        end.EndOfFile.ShouldBeTrue();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_transfer_writes_only_to_pieces_of_a_list_for_writing(bool paged)
    {
        using var temporary = new TemporaryFile(0);
        File.WriteAllBytes(temporary.Path, Pattern(3 * 4096));
        using SafeFileHandle file = File.OpenHandle(temporary.Path);
        using GuestMemory memory = new GuestMemoryBuilder("ram")
            .AddRegion(0, new HeapBacking(4 * Page), protection: Protection.Read)
            .AddRegion(4 * Page, new HeapBacking(Page))
            .Build();
        using var vectors = new GuestIoVectors(AccessType.Read);
        Add(vectors, memory, 4 * Page, 100);
        Should.Throw<InvalidOperationException>(() => vectors.Access = AccessType.Write).Message.ShouldContain("clear");
        if (paged)
        {
            vectors.TryAdd(memory, new PagedRange([2, 0], 5, 5000), out _).ShouldBeTrue();
        }
        else
        {
            Add(vectors, memory, Page - 1, 5000);
        }

        Should.Throw<InvalidOperationException>(() => vectors.ReadFrom(file, 0)).Message.ShouldContain("for reading");
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        Should.Throw<InvalidOperationException>(() => vectors.Receive(socket));
        memory.Read(0, (int)(5 * Page)).ShouldAllBe(b => b == 0);
        vectors.Clear();
        vectors.Access = AccessType.Write;
        vectors.TryAdd(memory, Page - 1, 5000, out GuestMemoryFault fault).ShouldBeFalse();
        fault.ShouldBeFault(GuestMemoryFaultKind.ReadOnly, Page - 1);
        Add(vectors, memory, 4 * Page, 100);
        vectors.ReadFrom(file, 0);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Transfers_wait_on_a_blocking_socket_that_was_used_asynchronously(bool lockable)
    {
        const int Length = 16 << 20;
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(listener.LocalEndPoint!);
        using Socket server = await listener.AcceptAsync();
        await client.SendAsync(new byte[1]);
        await server.ReceiveAsync(new byte[1]);
        using GuestMemory source = Memory();
        using GuestMemory target = Memory();
        byte[] data = Pattern(Length);
        source.Write(0, data);
        Task receiving = Task.Run(() => target.Receive(0, Length, server));
        source.Send(0, Length, client);
        await receiving;
        target.Read(0, Length).AsSpan().SequenceEqual(data).ShouldBeTrue();

        server.ReceiveTimeout = 20;
        target.TryReceive(0, 10, server, out _).ShouldBeFalse("nothing comes before the timeout");
        server.ReceiveTimeout = 0;
        server.Blocking = false;
        target.TryReceive(0, 10, server, out FileTransfer none).ShouldBeFalse();
        Should.Throw<IOException>(() => target.Receive(0, 10, server)).HResult.ShouldBe(11);
        none.ErrorNumber.ShouldBe(11, "EAGAIN");
        none.Transferred.ShouldBe(0UL);

        GuestMemory Memory() => lockable ? GuestMemory.Allocate(Length) : new GuestMemory(new FallbackBacking(Length), "io");
    }

    [Fact]
    public void A_disposed_list_takes_nothing_and_locks_nothing()
    {
        SparseBacking mapping = PinTests.Committed(4);
        using GuestMemory memory = new(mapping, "ram");
        using SafeFileHandle file = File.OpenHandle("/dev/zero");
        var vectors = new GuestIoVectors(AccessType.Write);
        vectors.Dispose();
        vectors.Dispose();
        Should.Throw<ObjectDisposedException>(() => vectors.TryAdd(memory, Page, Page, out _));
        Should.Throw<ObjectDisposedException>(() => vectors.TryAdd(memory, new PagedRange([2], 0, 9), out _));
        Should.Throw<ObjectDisposedException>(() => vectors.ReadFrom(file, 0));
        Enumerable.Range(0, 4).ShouldAllBe(page => !mapping.IsPinned((ulong)page));
    }

    [Fact]
    public void Requests_reuse_the_list_without_allocating()
    {
        using var temporary = new TemporaryFile(0);
        File.WriteAllBytes(temporary.Path, new byte[1 << 16]);
        using SafeFileHandle file = File.OpenHandle(temporary.Path);
        using GuestMemory memory = new(PinTests.Committed(16), "ram");
        using var vectors = new GuestIoVectors(AccessType.Write);
        Allocations.Of(() =>
        {
            vectors.TryAdd(memory, 100, 5000, out _);
            vectors.TryAdd(memory, 8 * Page, 4096, out _);
            vectors.TryReadFrom(file, 0, out _);
            vectors.Clear();
        }).ShouldBe(0);
    }

    private static void Add(GuestIoVectors vectors, GuestMemory memory, ulong address, ulong length) =>
        vectors.TryAdd(memory, address, length, out GuestMemoryFault fault).ShouldBeTrue(fault.ToString());

    [Fact]
    public void A_list_that_is_disposed_is_not_cleared_again()
    {
        Should.Throw<ArgumentOutOfRangeException>(() => new GuestIoVectors(AccessType.Write, -1)).ParamName.ShouldBe("capacity");
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var vectors = new GuestIoVectors(AccessType.Write, 0);
        vectors.Dispose();
        vectors.Dispose();
        Should.Throw<ObjectDisposedException>(vectors.Clear);
    }

    /// <summary>The other end may be closed at any moment, which is an exception. The first piece is shown without what has been done of it, and is as it was afterwards.</summary>
    [Fact]
    public void A_transfer_that_ends_by_an_exception_leaves_the_list_as_it_was()
    {
        using GuestMemory memory = GuestMemory.Allocate(2 * Page);
        using var vectors = new GuestIoVectors(AccessType.Write) { TakesMany = false };
        vectors.Add(memory, 0, 2 * Page);
        var end = new TransferEnd(null, null, 0, new ClosedStream());
        Should.Throw<ObjectDisposedException>(() => Transfer(vectors, end, AccessType.Write));
        memory.Read<uint>(0).ShouldBe(0x0403_0201U);
        vectors.Vectors[0].Length.ShouldBe((nuint)(2 * Page));
    }

    [UnsafeAccessor(UnsafeAccessorKind.Method)]
    private static extern FileTransfer Transfer(GuestIoVectors vectors, in TransferEnd end, AccessType access);

    /// <summary>Gives four bytes, and is closed by then.</summary>
    private sealed class ClosedStream() : MemoryStream([1, 2, 3, 4])
    {
        public override int Read(Span<byte> buffer) => base.Read(buffer) is var read and not 0 ? read : throw new ObjectDisposedException(nameof(ClosedStream));
    }
}
