using System.Net.Sockets;
using System.Text;

using Hyperspan.Interop.Linux;
using Hyperspan.Snapshots;
using Hyperspan.Tests.Infrastructure;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Tests.Snapshots;

public sealed class PageServerTests : IDisposable
{
    private const ulong Pages = 3000;

    // A monitor maps whole pages of its system, of which the last may be more than the memory.
    private static readonly ulong HostPage = (ulong)Environment.SystemPageSize;
    private static readonly ulong HostPages = ((Pages * GuestAddress.PageSize) + HostPage - 1) / HostPage;

    private readonly SnapshotBed _bed = new();
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    public PageServerTests()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "needs Linux");
        _listener.Bind(new UnixDomainSocketEndPoint(_bed.PathOf("s")));
        _listener.Listen();
    }

    public void Dispose()
    {
        _listener.Dispose();
        _bed.Dispose();
    }

    [SkippableFact]
    public async Task Monitor_in_another_process_gets_its_pages()
    {
        using GuestMemorySnapshot snapshot = await NumberedAsync();
        Task<ChildResult> child = StartMonitor();
        using Socket connection = await AcceptAsync(child);
        ulong served = await PageServer.ServeAsync(connection, snapshot);
        (await child).ShouldSucceed();
        served.ShouldBe(HostPages + 1);
    }

    [SkippableFact]
    public async Task Who_waits_for_a_page_that_has_been_replaced_is_woken()
    {
        // The kernel does not: a guest's thread stood still for ever.
        using GuestMemorySnapshot snapshot = await NumberedAsync();
        Task<ChildResult> child = StartMonitor("replace");
        using Socket connection = await AcceptAsync(child);
        (await PageServer.ServeAsync(connection, snapshot)).ShouldBe(0UL);
        (await child).ShouldSucceed();
    }

    [SkippableFact]
    public async Task Children_of_a_monitor_leave_no_descriptors_behind()
    {
        // The kernel gives whoever reads of a fork a userfaultfd for the child: one more in this process, each time.
        using GuestMemorySnapshot snapshot = await NumberedAsync();
        Task<ChildResult> child = StartMonitor("20");
        using Socket connection = await AcceptAsync(child);
        int before = UserFaults();
        await PageServer.ServeAsync(connection, snapshot);
        (await child).ShouldSucceed();
        UserFaults().ShouldBeLessThanOrEqualTo(before);

        static int UserFaults() =>
            Directory.GetFiles("/proc/self/fd").Count(path => new FileInfo(path).LinkTarget?.Contains("userfaultfd", StringComparison.Ordinal) == true);
    }

    [SkippableTheory]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("nonsense")]
    [InlineData("[{\"base_host_virt_addr\":4096,\"size\":4096,\"offset\":0}]")]
    [InlineData("[{\"base_host_virt_addr\":4096,\"size\":18446744073709547520,\"offset\":0}]")]
    public async Task What_is_not_the_protocol_ends_the_connection(string text)
    {
        using GuestMemorySnapshot snapshot = await NumberedAsync();
        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        client.Connect(new UnixDomainSocketEndPoint(_bed.PathOf("s")));
        client.Send(Encoding.UTF8.GetBytes(text));
        client.Shutdown(SocketShutdown.Send);
        using Socket connection = await _listener.AcceptAsync();
        await Should.ThrowAsync<IOException>(() => PageServer.ServeAsync(connection, snapshot));
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Descriptors_of_a_monitor_that_is_refused_are_closed(bool isCancelled)
    {
        using GuestMemorySnapshot snapshot = await NumberedAsync();
        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        client.Connect(new UnixDomainSocketEndPoint(_bed.PathOf("s")));
        string name = $"hs-{Guid.NewGuid():N}";
        using var first = new SharedBacking(4096, new SharedBackingOptions { Name = name });
        using var second = new SharedBacking(4096, new SharedBackingOptions { Name = name });
        SendWith(client, isCancelled ? "[" : "[]", first.Handle, second.Handle);
        using Socket connection = await _listener.AcceptAsync();
        using var cancellation = new CancellationTokenSource();
        Task<ulong> serving = PageServer.ServeAsync(connection, snapshot, cancellation.Token);
        if (isCancelled)
        {
            SpinWait.SpinUntil(() => serving.IsCompleted || OpenAs(name) > 2, TimeSpan.FromMinutes(2));
            cancellation.Cancel();
        }

        await Should.ThrowAsync<Exception>(() => serving);
        OpenAs(name).ShouldBe(2);
    }

    [SkippableFact]
    public async Task File_that_has_the_name_of_one_is_no_userfaultfd()
    {
        using GuestMemorySnapshot snapshot = await NumberedAsync();
        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        client.Connect(new UnixDomainSocketEndPoint(_bed.PathOf("s")));
        using SafeFileHandle file = File.OpenHandle(_bed.PathOf("anon_inode:[userfaultfd]"), FileMode.CreateNew, FileAccess.ReadWrite);
        SendWith(client, "[{\"base_host_virt_addr\":4096,\"size\":4096,\"offset\":0}]", file, file);
        using Socket connection = await _listener.AcceptAsync();
        (await Should.ThrowAsync<IOException>(() => PageServer.ServeAsync(connection, snapshot).WaitAsync(TimeSpan.FromSeconds(30)))).Message.ShouldContain("no userfaultfd");
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Monitor_whose_descriptor_is_waited_on_holds_up_nobody(bool isBegun)
    {
        // Reads of it waited for ever, whatever was cancelled or closed; of one that was never begun it was asked again and again, without a pause.
        using GuestMemorySnapshot snapshot = await NumberedAsync();
        using var memory = new SparseBacking(Pages * 4096);
        int number = LibC.Userfaultfd(OpenFlags.CloseOnExec);
        Skip.If(number < 0, "userfaultfd for accesses by the kernel is refused");
        using var descriptor = new SafeFileHandle(number, ownsHandle: true);
        if (isBegun)
        {
            Begin(descriptor);
        }

        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        client.Connect(new UnixDomainSocketEndPoint(_bed.PathOf("s")));
        SendWith(client, $"[{{\"base_host_virt_addr\":{AddressOf(memory)},\"size\":{HostPages * HostPage},\"offset\":0}}]", descriptor, descriptor);
        using Socket connection = await _listener.AcceptAsync();
        Task<ulong> serving = PageServer.ServeAsync(connection, snapshot);
        SpinWait.SpinUntil(() => serving.IsCompleted || (LibC.Fcntl(descriptor, FileCommand.GetFlags, 0) & (int)OpenFlags.NonBlocking) != 0, TimeSpan.FromSeconds(30));
        Wait(descriptor);
        await Should.ThrowAsync<IOException>(() => serving.WaitAsync(TimeSpan.FromSeconds(30)));

        static unsafe ulong AddressOf(SparseBacking memory) => (ulong)memory.Mapping;

        static unsafe void Begin(SafeFileHandle descriptor)
        {
            ulong* api = stackalloc ulong[] { LinuxConstants.UFFD_API, 0, 0 };
            LibC.Ioctl(descriptor, LinuxConstants.UFFDIO_API, api).ShouldBe(0);
        }

        static unsafe void Wait(SafeFileHandle descriptor) =>
            _ = LibC.Fcntl(descriptor, FileCommand.SetFlags, LibC.Fcntl(descriptor, FileCommand.GetFlags, 0) & ~(int)OpenFlags.NonBlocking);
    }

    private static int OpenAs(string name) =>
        Directory.GetFiles("/proc/self/fd").Count(path => new FileInfo(path).LinkTarget?.Contains(name, StringComparison.Ordinal) == true);

    private static unsafe void SendWith(Socket socket, string text, SafeFileHandle first, SafeFileHandle second)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        byte* control = stackalloc byte[ControlHeader.SpaceFor(2)];
        *(ControlHeader*)control = new ControlHeader
        {
            Length = ControlHeader.Size + (2 * sizeof(int)),
            Level = LinuxConstants.SOL_SOCKET,
            Type = LinuxConstants.SCM_RIGHTS,
        };
        ((int*)(control + ControlHeader.Size))[0] = (int)first.DangerousGetHandle();
        ((int*)(control + ControlHeader.Size))[1] = (int)second.DangerousGetHandle();
        fixed (byte* start = bytes)
        {
            var part = new IoVector(start, (nuint)bytes.Length);
            var message = new SocketMessage { Parts = &part, PartCount = 1, Control = control, ControlLength = (ulong)ControlHeader.SpaceFor(2) };
            ((int)LibC.Sendmsg(socket.SafeHandle, &message, MessageFlags.NoSignal)).ShouldBe(bytes.Length);
        }
    }

    private Task<ChildResult> StartMonitor(params string[] arguments) =>
        Task.Run(() => ChildProcess.Run("page-client", [_bed.PathOf("s"), $"{Pages}", .. arguments]));

    /// <summary>Takes the connection of a monitor; one that finds no userfaultfd to be had ends without any.</summary>
    private async Task<Socket> AcceptAsync(Task<ChildResult> monitor)
    {
        Task<Socket> accepting = _listener.AcceptAsync();
        await Task.WhenAny(monitor, accepting);
        Skip.If(monitor.IsCompleted && monitor.Result.ExitCode == 3, monitor.IsCompleted ? monitor.Result.Output : "");
        return await accepting;
    }

    private async Task<GuestMemorySnapshot> NumberedAsync()
    {
        using var memory = new GuestMemory(new HeapBacking(Pages * 4096), "numbered");
        for (ulong page = 0; page < Pages; page++)
        {
            if (page % 3 != 0)
            {
                memory.Write((page * 4096) + 8, page);
            }
        }

        await GuestMemorySnapshot.SaveAsync(memory, _bed.PathOf("numbered"));
        return GuestMemorySnapshot.Open(_bed.PathOf("numbered"));
    }
}
