using System.Net.Sockets;
using System.Text;

using Hyperspan.Testing;
using Hyperspan.Tool.Tests.Infrastructure;
using Hyperspan.Virtio;

namespace Hyperspan.Tool.Tests;

/// <summary>Devices that are no disks, each as a process, with a front end in this one.</summary>
public sealed class ServeDeviceTests : IDisposable
{
    private const int Terminate = 15;
    private const int Receive = 0;
    private const int Transmit = 1;
    private const ulong Data = 0x8_0000;

    private readonly TemporaryFolder _folder = new();
    private readonly SharedBacking _backing = new(1 << 20);
    private readonly GuestMemory _memory;

    public ServeDeviceTests()
    {
        _memory = new GuestMemory(_backing, "guest");
    }

    public void Dispose()
    {
        _memory.Dispose();
        _folder.Dispose();
    }

    [LinuxFact]
    public void Entropy_is_random_and_it_ends_in_order()
    {
        using ToolProcess server = Start(out string socket, "entropy");
        using (VhostUserFrontEnd frontEnd = Connect(socket))
        {
            VirtQueueDriver driver = CreateDriver(frontEnd, 0);
            using VhostUserFrontEndQueue queue = frontEnd.StartQueue(0, driver.Layout);
            Serve(driver, queue, [], [new(Data, 4000)]).ShouldBe(4000U);
        }

        byte[] bytes = new byte[4000];
        _memory.Read(Data, bytes);
        bytes.Distinct().Count().ShouldBeGreaterThan(200);
        server.Signal(Terminate);
        ToolResult result = server.WaitForExit();
        result.ShouldEndWith(0);
        result.Output.ShouldContain($"socket,id=entropy,path={socket} -device vhost-user-rng-pci,chardev=entropy");
        result.Error.ShouldContain("done: 1 connection, 1 request");
        File.Exists(socket).ShouldBeFalse();
    }

    [LinuxFact]
    public void Console_on_the_standard_streams_has_nothing_but_what_the_guest_sends()
    {
        using ToolProcess server = Start(out string socket, "console");
        using (VhostUserFrontEnd frontEnd = Connect(socket))
        {
            VirtQueueDriver driver = CreateDriver(frontEnd, Transmit);
            using VhostUserFrontEndQueue queue = frontEnd.StartQueue(Transmit, driver.Layout);
            _memory.Write(Data, "from the guest\n"u8);
            Serve(driver, queue, [new(Data, 15)], []).ShouldBe(0U);
            server.WaitForOutput("from the guest");
        }

        server.Signal(Terminate);
        ToolResult result = server.WaitForExit();
        result.ShouldEndWith(0);
        result.Output.Trim().ShouldBe("from the guest");
        result.Error.ShouldContain("virtio-id=3,num_vqs=2,config_size=12");
    }

    [LinuxFact]
    public void Console_on_a_socket_passes_both_ways_and_goes_on_with_the_next_who_connects()
    {
        string terminal = _folder.PathOf("t");
        using ToolProcess server = Start(out string socket, "console", "--console", "unix:" + terminal);
        using VhostUserFrontEnd frontEnd = Connect(socket);
        VirtQueueDriver receiver = CreateDriver(frontEnd, Receive);
        VirtQueueDriver sender = CreateDriver(frontEnd, Transmit);
        using VhostUserFrontEndQueue toGuest = frontEnd.StartQueue(Receive, receiver.Layout);
        using VhostUserFrontEndQueue fromGuest = frontEnd.StartQueue(Transmit, sender.Layout);
        foreach (string text in (string[])["first", "other"])
        {
            using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            client.Connect(new UnixDomainSocketEndPoint(terminal));
            client.Send(Encoding.ASCII.GetBytes(text));
            Serve(receiver, toGuest, [], [new(Data, 100)]).ShouldBe(5U);
            byte[] bytes = new byte[5];
            _memory.Read(Data, bytes);
            Encoding.ASCII.GetString(bytes).ShouldBe(text);

            Serve(sender, fromGuest, [new(Data, 5)], []).ShouldBe(0U);
            client.ReceiveTimeout = 20_000;
            for (int done = 0; done < 5;)
            {
                done += client.Receive(bytes, done, 5 - done, SocketFlags.None);
            }

            Encoding.ASCII.GetString(bytes).ShouldBe(text);
        }

        server.Signal(Terminate);
        server.WaitForExit().ShouldEndWith(0);
        File.Exists(terminal).ShouldBeFalse();
    }

    [LinuxFact]
    public void A_consoles_socket_takes_the_place_of_one_that_nobody_listens_on_and_is_all_that_is_removed()
    {
        string terminal = _folder.PathOf("t");
        using var left = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        left.Bind(new UnixDomainSocketEndPoint(terminal));
        using (ToolProcess server = Start(out _, "console", "--console", "unix:" + terminal))
        {
            ToolResult refused = ToolProcess.Run("serve", "console", "--socket", _folder.PathOf("other"), "--console", "unix:" + terminal);
            refused.ShouldEndWith(2);
            refused.Error.ShouldContain($"--console: {terminal}: exists already");
            File.Delete(terminal);
            File.WriteAllText(terminal, "somebody's");
            server.Signal(Terminate);
            server.WaitForExit().ShouldEndWith(0);
        }

        File.ReadAllText(terminal).ShouldBe("somebody's");
        File.Delete(terminal);
    }

    [LinuxTheory]
    [InlineData("--console", "nonsense")]
    [InlineData("--console", "unix:")]
    [InlineData("--console", "unix:/none/at/all")]
    public void Wrong_console_is_said_in_one_line_and_nothing_stays(params string[] arguments)
    {
        string socket = _folder.PathOf("s");
        ToolResult result = ToolProcess.Run(["serve", "console", "--socket", socket, .. arguments]);
        result.ShouldEndWith(2);
        result.Error.ShouldContain("--console: ");
        File.Exists(socket).ShouldBeFalse();
    }

    [LinuxTheory]
    [InlineData("entropy")]
    [InlineData("console")]
    public void Socket_must_be_said(string device)
    {
        ToolResult result = ToolProcess.Run("serve", device);
        result.ShouldEndWith(2);
        result.Error.ShouldContain("Option '--socket' is required, or '--fd'.");
    }

    private ToolProcess Start(out string socket, string device, params string[] more)
    {
        socket = _folder.PathOf("s");
        ToolProcess server = ToolProcess.Start(["serve", device, "--socket", socket, .. more]);
        server.WaitForLog("listening");
        return server;
    }

    private VhostUserFrontEnd Connect(string socket)
    {
        var frontEnd = VhostUserFrontEnd.Connect(socket);
        frontEnd.Negotiate();
        frontEnd.SetMemory(VhostUserSharedMemory.Of(0, _backing));
        return frontEnd;
    }

    private VirtQueueDriver CreateDriver(VhostUserFrontEnd frontEnd, int index) =>
        new(_memory, 0x1000 + (0x1_0000UL * (uint)index), 8, VirtioFeatures.ForQueue(frontEnd.Features));

    private static uint Serve(VirtQueueDriver driver, VhostUserFrontEndQueue queue, ReadOnlySpan<ChainSegment> readable, ReadOnlySpan<ChainSegment> writable)
    {
        driver.TryAdd(readable, writable, out _).ShouldBeTrue();
        queue.Kick();
        VirtQueueCompletion completion;
        while (!driver.TryCollect(out completion))
        {
            (driver.EnableCallbacks() || queue.WaitForCall(TimeSpan.FromSeconds(60))).ShouldBeTrue();
        }

        return completion.Written;
    }
}
