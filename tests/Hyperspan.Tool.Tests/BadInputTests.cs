using Hyperspan.Tool.Tests.Infrastructure;

namespace Hyperspan.Tool.Tests;

/// <summary>One clear line, exit code 2, and nothing changed.</summary>
public sealed class BadInputTests : IDisposable
{
    private const int Size = 1 << 20;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [LinuxFact]
    public void Image_that_is_missing()
    {
        ToolResult result = Serve(_folder.PathOf("s"), _folder.PathOf("none.img"));
        ShouldSay(result, "none.img: there is no such file");
        _folder.Names().ShouldBeEmpty();
    }

    [LinuxTheory]
    [InlineData(0)]
    [InlineData(511)]
    [InlineData(1025)]
    public void Image_of_a_wrong_size(int size)
    {
        string image = _folder.CreateImage("odd.img", size);
        ShouldSay(Serve(_folder.PathOf("s"), image), "odd.img: ");
        _folder.Names().ShouldBe(["odd.img"]);
        new FileInfo(image).Length.ShouldBe(size);
    }

    [LinuxTheory]
    [InlineData("serve", "block", "--socket", "s", "--image", "i", "--queues", "abc")]
    [InlineData("serve", "block", "--socket", "s", "--image", "i", "--queues", "99999999999")]
    [InlineData("serve", "entropy", "--fd", "99999999999")]
    [InlineData("serve", "entropy", "--fd", "1k")]
    [InlineData("run", "--kernel", "k", "--processors", "1.5")]
    public void Number_that_is_none_is_not_said_in_types(params string[] arguments)
    {
        ToolResult result = ToolProcess.Run(arguments);
        result.ShouldEndWith(2);
        result.Error.ShouldContain($"{arguments[^2]}: '{arguments[^1]}' is no whole number");
        result.Error.ShouldNotContain("System.");
    }

    [LinuxTheory]
    [InlineData("--metrics")]
    [InlineData("--console")]
    public void Socket_in_a_folder_that_is_not_there(string option)
    {
        string device = option == "--console" ? "console" : "entropy";
        ToolResult result = ToolProcess.Run("serve", device, "--socket", _folder.PathOf("s"), option, "unix:" + _folder.PathOf("none/s"));
        ShouldSay(result, $"the directory {_folder.PathOf("none")} does not exist");
        _folder.Names().ShouldBeEmpty();
    }

    [LinuxFact]
    public void Place_of_a_machine_that_is_no_file()
    {
        string kernel = _folder.CreateImage("kernel", 4096);
        ShouldSay(ToolProcess.Run("run", "--kernel", kernel, "--save", "/dev/null"), "--save: '/dev/null' is no regular file");
    }

    [LinuxFact]
    public void Image_that_is_a_directory()
    {
        Directory.CreateDirectory(_folder.PathOf("folder"));
        ShouldSay(Serve(_folder.PathOf("s"), _folder.PathOf("folder")), "folder: is a directory");
        _folder.Names().ShouldBe(["folder"]);
    }

    [LinuxFact]
    public void Image_that_is_a_device_but_no_disk() => ShouldSay(Serve(_folder.PathOf("s"), "/dev/null"), "/dev/null: ");

    [LinuxTheory]
    [InlineData("514649fb00000003", "qcow2")]
    [InlineData("4c554b53babe0002", "LUKS")]
    public void Image_of_another_format(string mark, string name)
    {
        string image = _folder.CreateImage("disk.img", Size);
        using (FileStream stream = File.OpenWrite(image))
        {
            stream.Write(Convert.FromHexString(mark));
        }

        ShouldSay(Serve(_folder.PathOf("s"), image), $"the mark of {name}; convert it");
        ShouldSay(Serve(_folder.PathOf("s"), image, "--read-only"), $"the mark of {name}; convert it");
        using ToolProcess server = ToolProcess.Start("serve", "block", "--socket", _folder.PathOf("s"), "--image", image, "--format", "raw");
        server.WaitForLog("listening");
    }

    [LinuxFact]
    public void Image_with_an_empty_name() => ShouldSay(Serve(_folder.PathOf("s"), ""), "--image: ");

    [LinuxFact]
    public void Image_that_another_instance_serves()
    {
        string image = _folder.CreateImage("disk.img", Size);
        using ToolProcess first = ToolProcess.Start("serve", "block", "--socket", _folder.PathOf("first"), "--image", image);
        first.WaitForLog("listening");
        ShouldSay(Serve(_folder.PathOf("second"), image), "disk.img: is locked");
        ShouldSay(Serve(_folder.PathOf("second"), image, "--read-only"), "disk.img: is locked");
        _folder.Names().ShouldBe(["disk.img", "first"]);
    }

    [LinuxFact]
    public void Socket_that_another_instance_serves()
    {
        string image = _folder.CreateImage("disk.img", Size);
        string other = _folder.CreateImage("other.img", Size);
        using ToolProcess first = ToolProcess.Start("serve", "block", "--socket", _folder.PathOf("s"), "--image", image);
        first.WaitForLog("listening");
        ShouldSay(Serve(_folder.PathOf("s"), other), "s: exists already");
        _folder.Names().ShouldBe(["disk.img", "other.img", "s"]);
        first.Signal(15);
        first.WaitForExit().ShouldEndWith(0);
    }

    [LinuxFact]
    public void Socket_path_that_is_a_file()
    {
        string image = _folder.CreateImage("disk.img", Size);
        File.WriteAllText(_folder.PathOf("s"), "precious");
        ShouldSay(Serve(_folder.PathOf("s"), image), "s: exists already, and is no socket");
        File.ReadAllText(_folder.PathOf("s")).ShouldBe("precious");

        // Nobody is told to remove a device.
        Serve("/dev/null", image).Error.ShouldBe("hyperspan: /dev/null: exists already, and is no socket");
    }

    [LinuxFact]
    public void Socket_in_the_place_of_a_file()
    {
        using var socket = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, 0);
        socket.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(_folder.PathOf("s")));
        foreach (string command in (string[])["info", "verify", "merge"])
        {
            ToolResult result = ToolProcess.Run("snapshot", command, _folder.PathOf("s"));
            result.ShouldEndWith(2);
            result.Error.Split('\n').ShouldHaveSingleItem().ShouldMatch("s: (is a socket|is no regular file)");
        }
    }

    [LinuxFact]
    public void Socket_path_that_is_a_directory()
    {
        string image = _folder.CreateImage("disk.img", Size);
        Directory.CreateDirectory(_folder.PathOf("s"));
        ShouldSay(Serve(_folder.PathOf("s"), image), "s: is a directory");
        Directory.Exists(_folder.PathOf("s")).ShouldBeTrue();
    }

    [LinuxFact]
    public void Socket_in_a_directory_that_does_not_exist()
    {
        string image = _folder.CreateImage("disk.img", Size);
        ShouldSay(Serve(_folder.PathOf("none/s"), image), "/none does not exist");
        _folder.Names().ShouldBe(["disk.img"]);
    }

    [LinuxFact]
    public void Socket_path_that_is_too_long()
    {
        string image = _folder.CreateImage("disk.img", Size);
        ShouldSay(Serve(_folder.PathOf(new string('s', 120)), image), "too long for a socket");
    }

    [LinuxFact]
    public void Socket_path_that_is_empty() => ShouldSay(Serve("", _folder.CreateImage("disk.img", Size)), "--socket: the path is empty");

    [LinuxTheory]
    [InlineData("--queues", "0")]
    [InlineData("--queues", "257")]
    [InlineData("--queues", "many")]
    [InlineData("--id", "more than twenty characters")]
    [InlineData("--id", "é")]
    [InlineData("--features", "0xfg")]
    [InlineData("--features", "-1")]
    [InlineData("--protocol-features", "0x10000000000000000")]
    [InlineData("--nonsense", null)]
    public void Options_with_wrong_values(string option, string? value)
    {
        string image = _folder.CreateImage("disk.img", Size);
        string[] more = value is null ? [option] : [option, value];
        ToolResult result = Serve(_folder.PathOf("s"), image, more);
        ShouldSay(result, value ?? option);
        _folder.Names().ShouldBe(["disk.img"]);
    }

    [LinuxFact]
    public void Options_that_are_missing()
    {
        ToolResult result = ToolProcess.Run("serve", "block");
        result.ShouldEndWith(2);
        result.Output.ShouldBeEmpty();
        result.Error.ShouldContain("--socket");
        result.Error.ShouldContain("--image");
        result.Error.ShouldContain("Try 'hyperspan serve block --help'");
    }

    [LinuxTheory]
    [InlineData("dmo")]
    [InlineData("demo", "--jsno")]
    [InlineData("doctor", "now")]
    public void Commands_that_do_not_exist(params string[] arguments) => ShouldSay(ToolProcess.Run(arguments), arguments[^1]);

    [LinuxFact]
    public void Socket_that_nobody_listens_on_any_more_is_replaced()
    {
        string image = _folder.CreateImage("disk.img", Size);
        string path = _folder.PathOf("s");
        using (ToolProcess killed = ToolProcess.Start("serve", "block", "--socket", path, "--image", image))
        {
            killed.WaitForLog("listening");
            killed.Signal(9);
            killed.WaitForExit();
        }

        File.Exists(path).ShouldBeTrue();
        using ToolProcess next = ToolProcess.Start("serve", "block", "--socket", path, "--image", image);
        next.WaitForLog("listening");
        next.Signal(15);
        next.WaitForExit().ShouldEndWith(0);
        File.Exists(path).ShouldBeFalse();
    }

    private static ToolResult Serve(string socket, string image, params string[] more) =>
        ToolProcess.Run(["serve", "block", "--socket", socket, "--image", image, .. more]);

    /// <summary>One line, but for the pointer to the help where the arguments themselves are wrong.</summary>
    private static void ShouldSay(ToolResult result, string message)
    {
        result.ShouldEndWith(2);
        result.Output.ShouldBeEmpty();
        string[] lines = result.Error.Split('\n');
        lines[0].ShouldStartWith("hyperspan: ");
        lines[0].ShouldContain(message);
        lines.Skip(1).ShouldAllBe(line => line.StartsWith("Try '", StringComparison.Ordinal));
    }
}
