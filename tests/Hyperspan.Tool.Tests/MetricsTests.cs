using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

using Hyperspan.Tool.Metrics;
using Hyperspan.Tool.Tests.Infrastructure;
using Hyperspan.Virtio;

namespace Hyperspan.Tool.Tests;

/// <summary>The figures of a process that serves: read as Prometheus reads them, and by <c>hyperspan top</c>.</summary>
public sealed partial class MetricsTests : IDisposable
{
    private const int Terminate = 15;
    private const int Size = 1 << 20;
    private const ulong Data = 0x8_0000;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [LinuxTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Figures_are_read_over_TCP_and_a_Unix_socket_and_shown_by_top(bool isUnix)
    {
        string where = isUnix ? "unix:" + _folder.PathOf("m") : "127.0.0.1:0";
        using ToolProcess server = Start(where);
        if (!isUnix)
        {
            where = Address().Match(server.Log).Groups["where"].Value;
        }

        using (var guest = new Guest(_folder.PathOf("s")))
        {
            guest.Disk.Write(0, Data, 4096).ShouldBe(BlockStatus.Ok);
            guest.Disk.Read(0, Data, 1024).ShouldBe(BlockStatus.Ok);
            guest.Disk.Read(Size, Data, 512).ShouldBe(BlockStatus.IoError);

            (string head, string body) = await AskAsync(where, "GET /metrics HTTP/1.1\r\nHost: any.example\r\n\r\n");
            head.ShouldStartWith("HTTP/1.1 200 OK\r\n");
            head.ShouldContain("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
            head.ShouldContain($"Content-Length: {Encoding.UTF8.GetByteCount(body)}\r\n");
            body.ShouldContain("# TYPE hyperspan_block_request_duration_seconds histogram" + "\n");
            body.ShouldContain("hyperspan_block_request_duration_seconds_count{disk=\"vda\",operation=\"write\"} 1" + "\n");
            body.ShouldContain("hyperspan_block_request_duration_seconds_bucket{disk=\"vda\",operation=\"read\",le=\"+Inf\"} 1" + "\n");
            body.ShouldContain("hyperspan_block_request_duration_seconds_count{disk=\"vda\",error_type=\"invalid\",operation=\"read\"} 1" + "\n");
            body.ShouldContain("# TYPE hyperspan_block_io_bytes_total counter" + "\n");
            body.ShouldContain("hyperspan_block_io_bytes_total{disk=\"vda\",operation=\"write\"} 4096" + "\n");
            body.ShouldContain("hyperspan_block_io_bytes_total{disk=\"vda\",operation=\"read\"} 1024" + "\n");
            body.ShouldContain("hyperspan_block_requests_in_flight{disk=\"vda\"} 0" + "\n");
            body.ShouldContain($"hyperspan_vhost_user_requests_total{{socket=\"{_folder.PathOf("s")}\"}} 3");
            body.ShouldContain($"hyperspan_vhost_user_front_ends{{socket=\"{_folder.PathOf("s")}\"}} 1");
            body.ShouldContain("\ndotnet_process_cpu_time_seconds_total{");
            body.Split('\n').Where(line => line.Length > 0 && line[0] != '#').ShouldAllBe(line => Series().IsMatch(line));

            ToolResult top = ToolProcess.Run("top", where, "--count", "1", "--interval", "0.01");
            top.ShouldEndWith(0);
            top.Output.ShouldMatch(@"/s +connected +0 +0 +0");
            top.Output.ShouldMatch(@"vda +read +0 +0 B +1");
            top.Output.ShouldMatch(@"vda +write +0 +0 B +0");
        }

        server.Signal(Terminate);
        server.WaitForExit().ShouldEndWith(0);
        _folder.Names().ShouldBe(["disk.img"]);
        ToolResult gone = ToolProcess.Run("top", where, "--count", "1");
        gone.ShouldEndWith(1);
        gone.Error.ShouldStartWith($"hyperspan: {where}: ");
    }

    [LinuxFact]
    public async Task Clients_that_ask_for_something_else_or_too_much_or_nothing_hold_up_nobody()
    {
        string where = "unix:" + _folder.PathOf("m");
        using ToolProcess server = Start(where);
        (await AskAsync(where, "GET / HTTP/1.1\r\n\r\n")).Head.ShouldStartWith("HTTP/1.1 404 ");
        (await AskAsync(where, "DELETE /metrics HTTP/1.1\r\n\r\n")).Head.ShouldStartWith("HTTP/1.1 400 ");
        (await AskAsync(where, "GET /metrics?x HTTP/1.0\r\n\r\n")).Head.ShouldStartWith("HTTP/1.1 200 ");
        foreach (string flood in (string[])[new string('x', 1 << 20), "", "\r\n\r\n", "GET\r\n\r\n", "\0\xff\r\n"])
        {
            using Socket client = Connect(where);
            try
            {
                client.Send(Encoding.Latin1.GetBytes(flood));
            }
            catch (SocketException)
            {
                // It does not read so much.
            }
        }

        (await AskAsync(where, "GET /metrics HTTP/1.1\r\n\r\n")).Head.ShouldStartWith("HTTP/1.1 200 ");
        server.Signal(Terminate);
        server.WaitForExit().ShouldEndWith(0);
    }

    /// <summary>Connections that say nothing, or do not take their answer: more of them than are kept.</summary>
    [LinuxTheory]
    [InlineData(10, "")]
    [InlineData(10, "GET /metrics HTTP/1.1")]
    [InlineData(300, "")]
    [InlineData(300, "GET /metrics HTTP/1.1\r\n\r\n")]
    public async Task Clients_that_are_silent_keep_no_other_waiting(int count, string said)
    {
        string where = "unix:" + _folder.PathOf("m");
        using ToolProcess server = Start(where);
        var silent = new List<Socket>();
        try
        {
            for (int i = 0; i < count; i++)
            {
                silent.Add(Connect(where));
                if (said.Length != 0)
                {
                    silent[i].Send(Encoding.ASCII.GetBytes(said));
                }
            }

            (await AskAsync(where, "GET /metrics HTTP/1.1\r\n\r\n")).Head.ShouldStartWith("HTTP/1.1 200 ");

            // The time of the last of them is not over: the answer did not come after it.
            if (!said.EndsWith('\n'))
            {
                silent[^1].Poll(0, SelectMode.SelectRead).ShouldBeFalse();
            }

            server.Signal(Terminate);
            server.WaitForExit().ShouldEndWith(0);
        }
        finally
        {
            silent.ForEach(socket => socket.Dispose());
        }
    }

    [LinuxFact]
    public void A_socket_that_a_killed_process_left_is_replaced_and_one_in_use_is_not()
    {
        string where = "unix:" + _folder.PathOf("m");
        using (var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            listener.Bind(new UnixDomainSocketEndPoint(_folder.PathOf("m")));
            listener.Listen();
            ToolResult refused = ToolProcess.Run("serve", "entropy", "--socket", _folder.PathOf("e"), "--metrics", where);
            refused.ShouldEndWith(2);
            refused.Error.ShouldContain($"--metrics: {where}: ");
            _folder.Names().ShouldBe(["m"]);
        }

        // As of a process that was killed: the name is there, and nobody listens.
        using (var left = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            File.Delete(_folder.PathOf("m"));
            left.Bind(new UnixDomainSocketEndPoint(_folder.PathOf("m")));
            using ToolProcess server = Start(where);
            server.Signal(Terminate);
            server.WaitForExit().ShouldEndWith(0);
        }
    }

    [LinuxFact]
    public void A_file_that_is_no_socket_is_left_alone()
    {
        string path = _folder.PathOf("m");
        File.WriteAllText(path, "somebody's");
        ToolResult refused = ToolProcess.Run("serve", "entropy", "--socket", _folder.PathOf("e"), "--metrics", "unix:" + path);
        refused.ShouldEndWith(2);
        refused.Error.ShouldContain($"--metrics: unix:{path}: ");
        File.ReadAllText(path).ShouldBe("somebody's");
        _folder.Names().ShouldBe(["m"]);
    }

    [Theory]
    [InlineData("127.0.0.1:9464", "127.0.0.1:9464")]
    [InlineData("tcp:127.0.0.1:9464", "127.0.0.1:9464")]
    [InlineData("localhost:1", "127.0.0.1:1")]
    [InlineData("[::1]:65535", "[::1]:65535")]
    [InlineData("unix:/tmp/x", "unix:/tmp/x")]
    public void Addresses_are_understood(string text, string means)
    {
        MetricsAddress.TryParse(text, out MetricsAddress? address).ShouldBeTrue();
        address.ToString().ShouldBe(means);
    }

    [Theory]
    [InlineData("")]
    [InlineData("9464")]
    [InlineData(":9464")]
    [InlineData("127.0.0.1")]
    [InlineData("127.0.0.1:65536")]
    [InlineData("127.0.0.1:-1")]
    [InlineData("::1:9464")]
    [InlineData("nowhere.example:9464")]
    [InlineData("unix:")]
    public void What_is_no_address_is_refused(string text) => MetricsAddress.TryParse(text, out _).ShouldBeFalse();

    [LinuxTheory]
    [InlineData("--interval", "0")]
    [InlineData("--interval", "x")]
    [InlineData("--count", "0")]
    [InlineData("--count", "x")]
    public void Numbers_that_make_no_sense_are_refused(string option, string value)
    {
        ToolResult result = ToolProcess.Run("top", "127.0.0.1:9464", option, value);
        result.ShouldEndWith(2);
        result.Error.ShouldContain($"{option}: '{value}' is not ");
    }

    [GeneratedRegex("http://(?<where>.*)/metrics", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex Address();

    [GeneratedRegex("^[a-z_0-9]+(\\{([a-z_0-9]+=\"[^\"]*\",?)+\\})? [-+0-9.eE]+$", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex Series();

    private static Socket Connect(string where)
    {
        MetricsAddress.TryParse(where, out MetricsAddress? address).ShouldBeTrue();
        var socket = new Socket(address.EndPoint.AddressFamily, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(address.EndPoint);
        return socket;
    }

    internal static async Task<(string Head, string Body)> AskAsync(string where, string request)
    {
        using Socket socket = Connect(where);
        await socket.SendAsync(Encoding.ASCII.GetBytes(request));
        using var reader = new StreamReader(new NetworkStream(socket), Encoding.UTF8);
        string answer = await reader.ReadToEndAsync();
        int end = answer.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        end.ShouldBeGreaterThan(0, answer);
        return (answer[..(end + 4)], answer[(end + 4)..]);
    }

    private ToolProcess Start(string where)
    {
        string image = _folder.CreateImage("disk.img", Size);
        ToolProcess server = ToolProcess.Start("serve", "block", "--socket", _folder.PathOf("s"), "--image", image, "--id", "vda", "--metrics", where);
        server.WaitForLog("listening");
        return server;
    }
}
