using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Consumer.Tests;

/// <summary>Ordinary tasks: pages locked for the kernel, scatter/gather I/O, transfers that are awaited.</summary>
public partial class TransferTasks
{
    private const ulong Page = 4096;

    [LinuxFact]
    public unsafe void Lock_pages_and_read_a_file_into_them()
    {
        using TemporaryFile path = Counted(20_000);
        using SafeFileHandle file = File.OpenHandle(path.Path);
        using var memory = new GuestMemory(new SharedBacking(16 * Page), "ram");
        using (PinnedMemory locked = memory.Pin(new GuestRange(100, 3 * Page), AccessType.Write))
        {
            fixed (IoVector* vectors = locked.Vectors)
            {
                Preadv(file, vectors, locked.Vectors.Length, 5).ShouldBe((nint)(3 * Page));
            }
        }

        memory.Read<byte>(100).ShouldBe((byte)5);
        memory.Read<byte>(99 + (3 * Page)).ShouldBe((byte)((4 + (3 * Page)) % 251));
    }

    [LinuxFact]
    public void Scatter_and_gather()
    {
        using TemporaryFile path = Counted(20_000);
        using SafeFileHandle file = File.OpenHandle(path.Path, access: FileAccess.ReadWrite);
        using var memory = new GuestMemory(new SharedBacking(16 * Page), "ram");

        // <guide>
        using var vectors = new GuestIoVectors(AccessType.Write);       // guest memory will be written
        vectors.Add(memory, 0x1ff0, 0x20);                              // pinned from here on, across pages and regions
        vectors.Add(memory, new GuestRange(0x100, 0x10));
        vectors.ReadFrom(file, 0);                                      // one preadv; throws where the file is short

        // </guide>
        memory.Read<byte>(0x2000).ShouldBe((byte)16);
        memory.Read<byte>(0x10f).ShouldBe((byte)47);
        vectors.Clear();
        Should.Throw<GuestMemoryException>(() => vectors.Add(memory, 16 * Page - 1, 2)).Address.ShouldBe(new GuestAddress(16 * Page));
        vectors.Length.ShouldBe(0UL);
    }

    [LinuxFact]
    public async Task Await_transfers_with_files_and_streams()
    {
        const int Length = 3_000_000;
        using TemporaryFile path = Counted(Length);
        byte[] contents = await File.ReadAllBytesAsync(path.Path);
        using SafeFileHandle file = File.OpenHandle(path.Path, access: FileAccess.ReadWrite, options: FileOptions.None);
        using GuestMemory memory = GuestMemory.Allocate(4 << 20);

        await memory.ReadFromAsync(0x123, Length, file, 0);
        memory.ReadArray<byte>(0x123, Length).AsSpan().SequenceEqual(contents).ShouldBeTrue();
        FileTransfer ended = await memory.TryReadFromAsync(0, Length, file, 1000);
        (ended.Transferred, ended.Requested, ended.EndOfFile).ShouldBe((Length - 1000UL, (ulong)Length, true));
        await Should.ThrowAsync<EndOfStreamException>(() => memory.ReadFromAsync(0, Length, file, 1000));
        await memory.WriteToAsync(new GuestRange(0x123, 100), file, Length);
        RandomAccess.GetLength(file).ShouldBe(Length + 100);
        ended = await memory.TryWriteToAsync(0, 5 << 20, file, 0);
        (ended.Transferred, ended.Fault.Address).ShouldBe((0UL, new GuestAddress(4 << 20)));
        await Should.ThrowAsync<OperationCanceledException>(() => memory.ReadFromAsync(0, Length, file, 0, new CancellationToken(canceled: true)));

        using var stream = new MemoryStream();
        memory.Write(0, contents);
        await memory.WriteToAsync(0, Length, stream);
        stream.ToArray().AsSpan().SequenceEqual(contents).ShouldBeTrue();
        stream.Position = 0;
        await memory.ReadFromAsync(new GuestRange(0x200, Length), stream);
        memory.ReadArray<byte>(0x200, Length).AsSpan().SequenceEqual(contents).ShouldBeTrue();
        stream.Position = Length - 7;
        ended = await memory.TryReadFromAsync(0, 10, stream);
        (ended.Transferred, ended.EndOfFile).ShouldBe((7UL, true));
        await Should.ThrowAsync<GuestMemoryException>(() => memory.WriteToAsync(4 << 20, 1, stream));
        await Should.ThrowAsync<OperationCanceledException>(() => memory.WriteToAsync(0, 10, stream, new CancellationToken(canceled: true)));
    }

    [Fact]
    public void Load_from_a_stream_and_save_to_one()
    {
        byte[] contents = [.. Enumerable.Range(0, 200_000).Select(i => (byte)(i % 251))];
        using GuestMemory memory = GuestMemory.Allocate(1 << 20);
        using var dripping = new DrippingStream(contents);
        memory.ReadFrom(0x123, 200_000, dripping);
        memory.ReadBytes(0x123, 200_000).ShouldBe(contents);
        using var saved = new MemoryStream();
        memory.WriteTo(new GuestRange(0x123, 200_000), saved);
        saved.ToArray().ShouldBe(contents);

        saved.Position = 200_000 - 7;
        memory.TryReadFrom(new GuestRange(0, 10), saved, out FileTransfer ended).ShouldBeFalse();
        (ended.Transferred, ended.EndOfFile).ShouldBe((7UL, true));
        Should.Throw<EndOfStreamException>(() => memory.ReadFrom(new GuestRange(0, 1), saved));
        saved.SetLength(0);
        memory.TryWriteTo((1 << 20) - 5, 6, saved, out ended).ShouldBeFalse();
        (ended.Transferred, ended.Fault.Address, saved.Length).ShouldBe((0UL, new GuestAddress(1 << 20), 0));
        Should.Throw<GuestMemoryException>(() => memory.WriteTo(1 << 20, 1, saved));
        memory.TryReadBytes((1 << 20) - 5, 6, out _, out GuestMemoryFault fault).ShouldBeFalse();
        fault.Address.ShouldBe(new GuestAddress(1 << 20));
        saved.Dispose();
        Should.Throw<ObjectDisposedException>(() => memory.WriteTo(0, 1, saved));
    }

    [LinuxFact]
    public void What_lies_below_a_hole_goes_to_the_stream()
    {
        var mapping = new SparseBacking(64 * Page);
        mapping.Commit(0, 40 * Page);
        using var memory = new GuestMemory(mapping, "sparse");
        using var stream = new MemoryStream();
        memory.TryWriteTo(10, 50 * Page, stream, out FileTransfer ended).ShouldBeFalse();
        (ended.Transferred, ended.Fault.Address, stream.Length).ShouldBe(((40 * Page) - 10, new GuestAddress(40 * Page), (long)((40 * Page) - 10)));
        (ended.Fault.Start, ended.Fault.Length).ShouldBe((new GuestAddress(10), 50 * Page));
        stream.Position = 0;
        memory.TryReadFrom((39 * Page) + 1, 2 * Page, stream, out ended).ShouldBeFalse();
        (ended.Transferred, ended.Fault.Address).ShouldBe((Page - 1, new GuestAddress(40 * Page)));
    }

    [LinuxFact]
    public async Task A_transfer_to_a_stream_ends_where_the_memory_does()
    {
        var mapping = new SparseBacking(64 * Page);
        mapping.Commit(0, 40 * Page);
        using var memory = new GuestMemory(mapping, "sparse");
        using var stream = new MemoryStream();
        FileTransfer ended = await memory.TryWriteToAsync(10, 50 * Page, stream);
        (ended.Transferred, ended.Fault.Address, stream.Length).ShouldBe(((40 * Page) - 10, new GuestAddress(40 * Page), (long)((40 * Page) - 10)));
        (ended.Fault.Start, ended.Fault.Length).ShouldBe((new GuestAddress(10), 50 * Page));
        using var source = new MemoryStream(new byte[50 * Page]);
        ended = await memory.TryReadFromAsync((39 * Page) + 1, 2 * Page, source);
        (ended.Transferred, ended.Fault.Address).ShouldBe((Page - 1, new GuestAddress(40 * Page)));
    }

    /// <summary>More than the system's buffers hold, so that both ends wait for each other.</summary>
    [Fact]
    public async Task Await_transfers_over_a_socket()
    {
        const int Length = 12_000_000;
        byte[] contents = [.. Enumerable.Range(0, Length).Select(i => (byte)(i % 251))];
        using var sockets = new ConnectedSockets();
        (Socket client, Socket server) = (sockets.Client, sockets.Server);
        using GuestMemory memory = GuestMemory.Allocate(32 << 20);
        memory.Write(0x123, contents);
        using (client)
        using (server)
        {
            Task received = memory.ReceiveAsync(16 << 20, Length, server);
            received.IsCompleted.ShouldBeFalse();
            await memory.SendAsync(0x123, Length, client);
            await received;
            memory.ReadBytes(16 << 20, Length).AsSpan().SequenceEqual(contents).ShouldBeTrue();

            using var cancelled = new CancellationTokenSource();
            received = memory.ReceiveAsync(new GuestRange(0, 10), server, cancelled.Token);
            await client.SendAsync(new byte[] { 0xaa });
            received.IsCompleted.ShouldBeFalse();
            await cancelled.CancelAsync();
            await Should.ThrowAsync<OperationCanceledException>(() => received);

            // Nobody takes it: it waits for room, and goes on waiting until it is cancelled.
            using var enough = new CancellationTokenSource();
            Task sent = memory.SendAsync(new GuestRange(0, 32 << 20), client, enough.Token);
            sent.IsCompleted.ShouldBeFalse();
            await enough.CancelAsync();
            await Should.ThrowAsync<OperationCanceledException>(() => sent);
        }
    }

    [Fact]
    public async Task What_ends_a_transfer_over_a_socket_is_told_with_the_count()
    {
        using var sockets = new ConnectedSockets();
        (Socket client, Socket server) = (sockets.Client, sockets.Server);
        using GuestMemory memory = GuestMemory.Allocate(1 << 20);
        using (server)
        {
            using (client)
            {
                FileTransfer outside = await memory.TrySendAsync((1 << 20) - 5, 6, client);
                (outside.Transferred, outside.Fault.Address).ShouldBe((0UL, new GuestAddress(1 << 20)));
                await Should.ThrowAsync<GuestMemoryException>(() => memory.ReceiveAsync(1 << 20, 1, client));
                await client.SendAsync(new byte[7]);
                client.Shutdown(SocketShutdown.Send);
                FileTransfer ended = await memory.TryReceiveAsync(new GuestRange(0, 10), server);
                (ended.Transferred, ended.Requested, ended.EndOfFile).ShouldBe((7UL, 10UL, true));
                await Should.ThrowAsync<EndOfStreamException>(() => memory.ReceiveAsync(0, 1, server));
            }

            // The side that has gone answers what comes with a reset.
            FileTransfer failed;
            do
            {
                failed = await memory.TrySendAsync(new GuestRange(0, 1 << 20), server);
            }
            while (failed.Succeeded);
            failed.ErrorNumber.ShouldNotBe(0);
            failed.Fault.IsFault.ShouldBeFalse();
            await Should.ThrowAsync<IOException>(() => memory.SendAsync(0, 1 << 20, server));
        }

        await Should.ThrowAsync<ObjectDisposedException>(() => memory.SendAsync(0, 1, server));
    }

    [LinuxFact]
    public async Task A_transfer_over_a_socket_ends_where_the_memory_does()
    {
        var mapping = new SparseBacking(64 * Page);
        mapping.Commit(0, 40 * Page);
        using var memory = new GuestMemory(mapping, "sparse");
        using var sockets = new ConnectedSockets();
        (Socket client, Socket server) = (sockets.Client, sockets.Server);
        using (client)
        using (server)
        {
            Task<FileTransfer> sent = memory.TrySendAsync(new GuestRange(10, 50 * Page), client);
            await memory.ReceiveAsync(0, (40 * Page) - 10, server);
            FileTransfer ended = await sent;
            (ended.Transferred, ended.Fault.Address).ShouldBe(((40 * Page) - 10, new GuestAddress(40 * Page)));
            (ended.Fault.Start, ended.Fault.Length).ShouldBe((new GuestAddress(10), 50 * Page));

            await client.SendAsync(new byte[(int)(2 * Page)]);
            ended = await memory.TryReceiveAsync((39 * Page) + 1, 2 * Page, server);
            ended.Fault.Address.ShouldBe(new GuestAddress(40 * Page));
            ended.Transferred.ShouldBe(Page - 1);
        }
    }

    private static TemporaryFile Counted(int length) => new([.. Enumerable.Range(0, length).Select(i => (byte)(i % 251))]);

    [LibraryImport("libc", EntryPoint = "preadv", SetLastError = true)]
    private static unsafe partial nint Preadv(SafeFileHandle file, IoVector* vectors, int count, long offset);

    /// <summary>Gives a few bytes at a time, as a pipe may.</summary>
    private sealed class DrippingStream(byte[] bytes) : MemoryStream(bytes)
    {
        public override int Read(Span<byte> buffer) => base.Read(buffer[..Math.Min(buffer.Length, 1000)]);
    }
}
