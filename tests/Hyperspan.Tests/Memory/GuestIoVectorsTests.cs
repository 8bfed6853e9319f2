using System.Net;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;
using static Hyperspan.Tests.MemoryAssert;

namespace Hyperspan.Tests;

/// <summary>Files and sockets straight into and out of guest pages.</summary>
public class GuestIoVectorsTests
{
    private const ulong Page = 4096;

    [Fact]
    public void File_input_and_output_goes_straight_through_scattered_pages()
    {
        using var temporary = new TemporaryFile(0);
        byte[] content = Pattern(5 * 4096 + 100);
        File.WriteAllBytes(temporary.Path, content);
        using SafeFileHandle file = File.OpenHandle(temporary.Path, FileMode.Open, FileAccess.ReadWrite);
        using GuestMemory memory = new GuestMemoryBuilder("ram").Add(0, LockTests.Committed(4)).Add(4 * Page, new HeapMemory(8 * Page)).Build();
        using var vectors = new GuestIoVectors(1);
        Add(vectors, memory, 3 * Page + 50, 5000, AccessType.Write);
        Add(vectors, memory, 9 * Page, 300, AccessType.Write);
        Add(vectors, memory, 0, 7, AccessType.Write);
        vectors.Length.ShouldBe(5307UL);
        vectors.Count.ShouldBe(4, "the first crosses from one mapping into another");
        FileTransfer transfer = vectors.ReadFrom(file, 11);
        transfer.Succeeded.ShouldBeTrue(transfer.ToString());
        transfer.ThrowIfFailed();
        memory.Read(3 * Page + 50, 5000).ShouldBe(content.AsSpan(11, 5000).ToArray());
        memory.Read(9 * Page, 300).ShouldBe(content.AsSpan(5011, 300).ToArray());
        memory.Read(0, 7).ShouldBe(content.AsSpan(5311, 7).ToArray());
        vectors.Clear();

        Add(vectors, memory, 9 * Page, 300, AccessType.Read);
        Add(vectors, memory, 3 * Page + 50, 5000, AccessType.Read);
        vectors.WriteTo(file, 4096).Succeeded.ShouldBeTrue();
        File.ReadAllBytes(temporary.Path).AsSpan(4096, 5300).ToArray()
            .ShouldBe([.. content.AsSpan(5011, 300), .. content.AsSpan(11, 5000)]);
        vectors.Clear();

        Add(vectors, memory, 0, 4 * Page, AccessType.Write);
        FileTransfer atEnd = vectors.ReadFrom(file, 3 * 4096);
        atEnd.EndOfFile.ShouldBeTrue();
        atEnd.Transferred.ShouldBe((2UL * 4096) + 100);
        atEnd.ToString().ShouldBe("0x2064 of 0x4000 bytes transferred: end of file");
        Should.Throw<EndOfStreamException>(() => atEnd.ThrowIfFailed());
    }

    [Fact]
    public void Thousands_of_pieces_take_several_calls()
    {
        using var temporary = new TemporaryFile(0);
        byte[] content = Pattern(5000 * 3);
        File.WriteAllBytes(temporary.Path, content);
        using SafeFileHandle file = File.OpenHandle(temporary.Path);
        using GuestMemory memory = GuestMemory.Allocate(5000 * 16);
        using var vectors = new GuestIoVectors(2);
        for (ulong i = 0; i < 5000; i++)
        {
            Add(vectors, memory, i * 16, 3, AccessType.Write);
        }

        vectors.Count.ShouldBe(5000);
        vectors.ReadFrom(file, 0).Succeeded.ShouldBeTrue();
        for (ulong i = 0; i < 5000; i++)
        {
            memory.Read(i * 16, 4).ShouldBe([.. content.AsSpan((int)i * 3, 3), 0]);
        }
    }

    [Fact]
    public void A_page_taken_away_during_a_transfer_is_a_fault_with_the_exact_count()
    {
        using var image = new TemporaryFile(0);
        using var ram = new TemporaryFile(0);
        File.WriteAllBytes(image.Path, Pattern(8 * 4096));
        File.WriteAllBytes(ram.Path, new byte[8 * 4096]);
        using SafeFileHandle file = File.OpenHandle(image.Path, FileMode.Open, FileAccess.ReadWrite);
        using GuestMemory memory = new("guest", FileMemory.Open(ram.Path, new FileMemoryOptions { Access = FileMemoryAccess.ReadWrite }));
        using var vectors = new GuestIoVectors();
        Add(vectors, memory, 0, 8 * Page, AccessType.Write);
        using (var truncating = new FileStream(ram.Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            truncating.SetLength(3 * 4096);
        }

        FileTransfer transfer = vectors.ReadFrom(file, 0);
        transfer.Succeeded.ShouldBeFalse();
        transfer.Transferred.ShouldBe(3 * Page);
        transfer.Fault.ShouldBeFault(GuestMemoryFaultKind.NotMapped, 3 * Page);
        transfer.Fault.Cause.ShouldBe(FaultCause.BusError);
        transfer.ToString().ShouldStartWith("0x3000 of 0x8000 bytes transferred: guest memory 'guest': write error");
        Should.Throw<GuestMemoryException>(() => transfer.ThrowIfFailed());
    }

    [Fact]
    public void Sockets_send_and_receive_straight_out_of_guest_pages()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        client.Connect(listener.LocalEndPoint!);
        using Socket server = listener.Accept();
        using GuestMemory memory = GuestMemory.Allocate(4 * Page);
        byte[] data = Pattern(3000);
        memory.Write(50, data);
        using var sending = new GuestIoVectors();
        Add(sending, memory, 50, 1000, AccessType.Read);
        Add(sending, memory, 1050, 2000, AccessType.Read);
        sending.Count.ShouldBe(1, "they touch");
        sending.Send(client).Succeeded.ShouldBeTrue();
        using var receiving = new GuestIoVectors();
        Add(receiving, memory, 2 * Page + 1, 3000, AccessType.Write);
        receiving.Receive(server).Succeeded.ShouldBeTrue();
        memory.Read(2 * Page + 1, 3000).ShouldBe(data);
        client.Dispose();
        FileTransfer end = receiving.Receive(server);
        end.EndOfFile.ShouldBeTrue();
        end.Transferred.ShouldBe(0UL);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_transfer_writes_only_to_pieces_that_were_added_for_writing(bool paged)
    {
        using var temporary = new TemporaryFile(0);
        File.WriteAllBytes(temporary.Path, Pattern(3 * 4096));
        using SafeFileHandle file = File.OpenHandle(temporary.Path);
        using GuestMemory memory = new GuestMemoryBuilder("ram")
            .Add(0, new HeapMemory(4 * Page), protection: Protection.Read)
            .Add(4 * Page, new HeapMemory(Page))
            .Build();
        using var vectors = new GuestIoVectors();
        Add(vectors, memory, 4 * Page, 100, AccessType.Write);
        if (paged)
        {
            vectors.TryAdd(memory, new PagedRange([2, 0], 5, 5000), AccessType.Read, out _).ShouldBeTrue();
        }
        else
        {
            Add(vectors, memory, Page - 1, 5000, AccessType.Read);
        }

        Should.Throw<InvalidOperationException>(() => vectors.ReadFrom(file, 0)).Message.ShouldContain("added for reading");
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        Should.Throw<InvalidOperationException>(() => vectors.Receive(socket));
        memory.Read(0, (int)(5 * Page)).ShouldAllBe(b => b == 0);
        vectors.Clear();
        Add(vectors, memory, 4 * Page, 100, AccessType.Write);
        vectors.ReadFrom(file, 0).Succeeded.ShouldBeTrue();
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
        Task<FileTransfer> receiving = Task.Run(() => target.Receive(server, 0, Length));
        FileTransfer sent = source.Send(client, 0, Length);
        sent.Succeeded.ShouldBeTrue(sent.ToString());
        FileTransfer received = await receiving;
        received.Succeeded.ShouldBeTrue(received.ToString());
        target.Read(0, Length).AsSpan().SequenceEqual(data).ShouldBeTrue();

        server.ReceiveTimeout = 20;
        target.Receive(server, 0, 10).Succeeded.ShouldBeFalse("nothing comes before the timeout");
        server.ReceiveTimeout = 0;
        server.Blocking = false;
        FileTransfer none = target.Receive(server, 0, 10);
        none.Errno.ShouldBe(11, "EAGAIN");
        none.Transferred.ShouldBe(0UL);

        GuestMemory Memory() => lockable ? GuestMemory.Allocate(Length) : new GuestMemory("io", new FallbackBacking(Length));
    }

    [Fact]
    public void A_disposed_list_takes_nothing_and_locks_nothing()
    {
        SparseMapping mapping = LockTests.Committed(4);
        using GuestMemory memory = new("ram", mapping);
        using SafeFileHandle file = File.OpenHandle("/dev/zero");
        var vectors = new GuestIoVectors();
        vectors.Dispose();
        vectors.Dispose();
        Should.Throw<ObjectDisposedException>(() => vectors.TryAdd(memory, Page, Page, AccessType.Write, out _));
        Should.Throw<ObjectDisposedException>(() => vectors.TryAdd(memory, new PagedRange([2], 0, 9), AccessType.Read, out _));
        Should.Throw<ObjectDisposedException>(() => vectors.ReadFrom(file, 0));
        Enumerable.Range(0, 4).ShouldAllBe(page => !mapping.IsLocked((ulong)page));
    }

    [Fact]
    public void Requests_reuse_the_list_without_allocating()
    {
        using var temporary = new TemporaryFile(0);
        File.WriteAllBytes(temporary.Path, new byte[1 << 16]);
        using SafeFileHandle file = File.OpenHandle(temporary.Path);
        using GuestMemory memory = new("ram", LockTests.Committed(16));
        using var vectors = new GuestIoVectors();
        Request(vectors, memory, file, 200);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Request(vectors, memory, file, 200);
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);

        static void Request(GuestIoVectors vectors, GuestMemory memory, SafeFileHandle file, int count)
        {
            for (int i = 0; i < count; i++)
            {
                vectors.TryAdd(memory, 100, 5000, AccessType.Write, out _);
                vectors.TryAdd(memory, 8 * Page, 4096, AccessType.Write, out _);
                vectors.ReadFrom(file, 0);
                vectors.Clear();
            }
        }
    }

    private static void Add(GuestIoVectors vectors, GuestMemory memory, ulong address, ulong length, AccessType access) =>
        vectors.TryAdd(memory, address, length, access, out GuestMemoryFault fault).ShouldBeTrue(fault.ToString());
}
