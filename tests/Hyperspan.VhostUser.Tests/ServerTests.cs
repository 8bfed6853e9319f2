using System.Net.Sockets;

namespace Hyperspan.VhostUser.Tests;

/// <summary>The server: one front end after the other, whatever the one before did.</summary>
public sealed class ServerTests : IDisposable
{
    private readonly string _path = Path.Combine(Path.GetTempPath(), $"hs-{Guid.NewGuid():N}.sock");
    private readonly TestMemory _memory = new(1 << 20);
    private readonly EventLog _log = new();

    [Fact]
    public void A_front_end_that_goes_away_and_comes_back_is_served()
    {
        using var device = new TestDevice();
        Serve(device, server =>
        {
            for (ulong round = 0; round < 5; round++)
            {
                using VhostUserFrontEnd frontend = VhostUserFrontEnd.Connect(_path);
                Exchange(frontend, round);
            }

            Harness.Eventually(() => !server.IsConnected, "the last one has gone");
            server.Statistics.Connections.ShouldBe(5);
            server.Statistics.Requests.ShouldBe(5);
        });
        device.IsDisposed.ShouldBeFalse();
        File.Exists(_path).ShouldBeFalse();
        _log.Count(VhostUserEventKind.Disconnected).ShouldBe(5);
        _log.Events.First().Kind.ShouldBe(VhostUserEventKind.Listening);
        _log.Events.Last().Kind.ShouldBe(VhostUserEventKind.Stopped);
    }

    [Fact]
    public void A_socket_path_is_not_what_comes_before_a_null_character()
    {
        using var device = new TestDevice();
        Should.Throw<ArgumentException>(() => new VhostUserServer(_path + "\0.sock", device)).ParamName.ShouldBe("path");
        File.Exists(_path).ShouldBeFalse();
        Should.Throw<ArgumentException>(() => VhostUserFrontEnd.Connect(_path + "\0.sock")).ParamName.ShouldBe("path");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Disposing_a_server_ends_it_in_order(bool connected)
    {
        using var device = new TestDevice();
        var server = new VhostUserServer(_path, device, new VhostUserOptions { OnEvent = _log.Add });
        Task run = server.RunAsync();
        Harness.Eventually(() => _log.Count(VhostUserEventKind.Listening) == 1, "it listens");
        using VhostUserFrontEnd? frontend = connected ? VhostUserFrontEnd.Connect(_path) : null;
        if (frontend is not null)
        {
            Exchange(frontend, 7);
        }

        server.Dispose();
        Harness.Eventually(() => run.IsCompletedSuccessfully, "it ends");
        frontend?.WaitForClose().ShouldBeTrue();
        _log.Events.Last().Kind.ShouldBe(VhostUserEventKind.Stopped);
        File.Exists(_path).ShouldBeFalse();
        device.LiveHandlers.ShouldBe(0);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_disposed_asynchronously_has_ended_afterwards(bool running)
    {
        using var device = new TestDevice();
        var server = new VhostUserServer(_path, device);
        Task run = running ? server.RunAsync() : Task.CompletedTask;
        using VhostUserFrontEnd? frontend = running ? VhostUserFrontEnd.Connect(_path) : null;
        if (frontend is not null)
        {
            Exchange(frontend, 9);
        }

        await server.DisposeAsync();
        File.Exists(_path).ShouldBeFalse();
        device.LiveHandlers.ShouldBe(0);
        await run;
        await server.DisposeAsync();

        (Socket backEnd, Socket frontEnd) = VhostUserSocketPair.Create();
        using var other = new VhostUserFrontEnd(frontEnd);
        var connection = new VhostUserConnection(backEnd, device);
        Task<VhostUserEvent>? ending = running ? connection.RunAsync(CancellationToken.None) : null;
        if (running)
        {
            other.GetFeatures();
        }

        await connection.DisposeAsync();
        other.WaitForClose().ShouldBeTrue();
        if (ending is not null)
        {
            await ending;
        }

        await connection.DisposeAsync();
    }

    [Fact]
    public void A_server_that_cannot_be_made_leaves_no_socket_behind()
    {
        Should.Throw<ArgumentNullException>(() => new VhostUserServer(_path, null!));
        File.Exists(_path).ShouldBeFalse();
    }

    [Fact]
    public void A_second_front_end_waits_for_the_first_to_go()
    {
        using var device = new TestDevice();
        Serve(device, server =>
        {
            VhostUserFrontEnd first = VhostUserFrontEnd.Connect(_path);
            Exchange(first, 1);
            using VhostUserFrontEnd second = VhostUserFrontEnd.Connect(_path);
            second.Send(VhostUserMessage.GetFeatures);
            Thread.Sleep(50);
            server.Statistics.Connections.ShouldBe(1);
            first.GetFeatures();
            first.Dispose();
            second.Receive(VhostUserMessage.GetFeatures).Length.ShouldBe(8);
            Exchange(second, 2);
        });
    }

    [Fact]
    public void After_wrong_front_ends_the_next_is_served()
    {
        using var device = new TestDevice();
        Serve(device, server =>
        {
            for (ulong i = 0; i < 10; i++)
            {
                using VhostUserFrontEnd wrong = VhostUserFrontEnd.Connect(_path);
                wrong.Negotiate();
                wrong.Send((VhostUserMessage)99);
                wrong.WaitForClose().ShouldBeTrue();
                using VhostUserFrontEnd right = VhostUserFrontEnd.Connect(_path);
                Exchange(right, i);
            }

            server.Statistics.Errors.ShouldBe(10);
        });
    }

    [Fact]
    public void Hundreds_of_front_ends_come_and_go_and_leave_nothing_behind()
    {
        using var device = new TestDevice();
        Action? check = null;
        Serve(device, server =>
        {
            for (int i = 0; i < 600; i++)
            {
                using VhostUserFrontEnd frontend = VhostUserFrontEnd.Connect(_path);
                switch (i % 4)
                {
                    case 0:
                        break;
                    case 1:
                        frontend.SendRaw([1, 2, 3]);
                        break;
                    case 2:
                        frontend.Negotiate();
                        frontend.SetMemory(_memory.Region());
                        break;
                    default:
                        Exchange(frontend, (ulong)i);
                        break;
                }

                if (i == 99)
                {
                    frontend.Dispose();
                    Settle(server, 100);
                    check = OpenDescriptors.Baseline();
                }
            }

            Settle(server, 600);
            check.ShouldNotBeNull()();
        });
    }

    [Fact]
    public void A_path_that_is_taken_is_refused_and_left_alone()
    {
        using var device = new TestDevice();
        File.WriteAllText(_path, "precious");
        foreach (bool replace in (bool[])[false, true])
        {
            Should.Throw<SocketException>(() => new VhostUserServer(_path, device, new VhostUserOptions { ReplaceStaleSocket = replace }))
                .SocketErrorCode.ShouldBe(SocketError.AddressAlreadyInUse);
            File.ReadAllText(_path).ShouldBe("precious");
        }

        File.Delete(_path);
        using (var first = new VhostUserServer(_path, device))
        {
            foreach (bool replace in (bool[])[false, true])
            {
                Should.Throw<SocketException>(() => new VhostUserServer(_path, device, new VhostUserOptions { ReplaceStaleSocket = replace }));
                File.Exists(_path).ShouldBeTrue();
            }
        }

        File.Exists(_path).ShouldBeFalse();
        Should.Throw<SocketException>(() => new VhostUserServer(Path.Combine(_path, "none"), device));
        Should.Throw<ArgumentException>(() => new VhostUserServer(new string('x', 200), device));
    }

    [Fact]
    public void A_socket_left_behind_is_replaced_if_asked_for()
    {
        using var device = new TestDevice();
        LeaveBehind();
        File.Exists(_path).ShouldBeTrue();
        Should.Throw<SocketException>(() => new VhostUserServer(_path, device)).SocketErrorCode.ShouldBe(SocketError.AddressAlreadyInUse);
        File.Exists(_path).ShouldBeTrue();
        Serve(
            device,
            _ =>
            {
                using VhostUserFrontEnd frontend = VhostUserFrontEnd.Connect(_path);
                Exchange(frontend, 1);
            },
            new VhostUserOptions { ReplaceStaleSocket = true });
    }

    /// <summary>Whoever comes second sees the socket before it listens, or takes away the one that the first has made.</summary>
    [Fact]
    public void Of_servers_that_start_at_the_same_moment_one_has_the_socket_and_the_others_are_told()
    {
        using var device = new TestDevice();
        var options = new VhostUserOptions { ReplaceStaleSocket = true };
        for (int round = 0; round < 300; round++)
        {
            LeaveBehind();
            var servers = new VhostUserServer?[3];
            var errors = new Exception?[servers.Length];
            using var start = new Barrier(servers.Length);
            Thread[] threads = [.. Enumerable.Range(0, servers.Length).Select(i => new Thread(() =>
            {
                start.SignalAndWait();
                errors[i] = Record.Exception(() => servers[i] = new VhostUserServer(_path, device, options));
            }))];
            Array.ForEach(threads, static thread => thread.Start());
            Array.ForEach(threads, static thread => thread.Join());
            try
            {
                servers.Count(static server => server is not null).ShouldBe(1, $"round {round}");
                errors.OfType<SocketException>().Select(static e => e.SocketErrorCode).ShouldBe([SocketError.AddressAlreadyInUse, SocketError.AddressAlreadyInUse]);
                VhostUserFrontEnd.Connect(_path).Dispose();
            }
            finally
            {
                Array.ForEach(servers, static server => server?.Dispose());
            }

            File.Exists(_path).ShouldBeFalse();
        }
    }

    [Fact]
    public async Task A_device_can_be_made_for_each_connection()
    {
        var devices = new List<TestDevice>();
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(_path));
        listener.Listen();
        using var stop = new CancellationTokenSource();
        using var server = new VhostUserServer(
            listener,
            () =>
            {
                devices.Add(new TestDevice());
                return devices.Count == 2 ? throw new InvalidOperationException("no device today") : devices[^1];
            });
        Task run = server.RunAsync(stop.Token);
        for (int i = 0; i < 3; i++)
        {
            using VhostUserFrontEnd frontend = VhostUserFrontEnd.Connect(_path);
            if (i == 1)
            {
                frontend.WaitForClose().ShouldBeTrue();
            }
            else
            {
                Exchange(frontend, 1);
            }
        }

        await stop.CancelAsync();
        await run.WaitAsync(Harness.Patience);
        devices.Select(device => device.IsDisposed).ShouldBe([true, false, true]);
        Should.Throw<InvalidOperationException>(() => server.Run());
    }

    public void Dispose()
    {
        _memory.Dispose();
        File.Delete(_path);
    }

    /// <summary>Bound under one name and kept under another, a socket is left behind as by a process that was killed.</summary>
    private void LeaveBehind()
    {
        string other = _path + "2";
        using var left = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        left.Bind(new UnixDomainSocketEndPoint(other));
        File.Move(other, _path);
    }

    private static void Settle(VhostUserServer server, int connections) =>
        Harness.Eventually(() => server.Statistics.Connections == connections && !server.IsConnected, "all have gone");

    private void Serve(TestDevice device, Action<VhostUserServer> action, VhostUserOptions? options = null)
    {
        using var stop = new CancellationTokenSource();
        using var server = new VhostUserServer(
            _path, device, new VhostUserOptions { OnEvent = _log.Add, ReplaceStaleSocket = options?.ReplaceStaleSocket ?? false });
        Task run = server.RunAsync(stop.Token);
        try
        {
            action(server);
        }
        finally
        {
            stop.Cancel();
            SpinWait.SpinUntil(() => run.IsCompleted, Harness.Patience).ShouldBeTrue("the server goes on");
        }

        run.IsCompletedSuccessfully.ShouldBeTrue(run.Exception?.ToString());
    }

    private void Exchange(VhostUserFrontEnd frontend, ulong number)
    {
        frontend.Negotiate();
        frontend.SetMemory(_memory.Region());
        TestDriver driver = ConversationTests.NewDriver(_memory, 0x1000);
        using VhostUserFrontEndQueue queue = frontend.StartQueue(0, driver.Layout);
        driver.Submit(number);
        queue.Kick();
        driver.WaitForAll(queue).ShouldBe([number]);
    }
}
