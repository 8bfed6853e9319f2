using System.Globalization;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

using Hyperspan.EndToEnd.Harness;

using Xunit.Abstractions;

namespace Hyperspan.EndToEnd;

/// <summary>Devices that are no disks, served to a guest: those of the command, and what a user writes.</summary>
public sealed class DeviceTests(ITestOutputHelper output) : GuestTest(output)
{
    private const string Tool = "src/Hyperspan.Tool";
    private const string AnyQemu10 = "qemu10-generic-system-x86_64";
    private const int Length = 16384;

    // More than the buffers of the console hold, 64 KiB each way.
    private const int ConsoleLength = 100_000;

    [SkippableTheory]
    [InlineData("samples/EntropyDevice", "qemu-system-x86_64")]
    [InlineData(Tool, "qemu-system-x86_64")]
    [InlineData(Tool, "qemu10-system-x86_64")]
    public async Task Entropy(string program, string name)
    {
        string? qemu = TestBed.OtherQemu(name);
        Skip.If(qemu is null, $"{name} is missing: run tests/Hyperspan.EndToEnd/install");
        await using GuestScenario scenario = await StartAsync(DiskServer.Hyperspan, folder => DiskImage.CreateRandom(folder, 8, seed: 41));
        string[] words = program == Tool ? ["serve", "entropy", "--socket"] : [];
        await using ServedDevice device = await ServedDevice.StartAsync(scenario.Folder, program, words);

        GuestReport report = await scenario.RunAsync(new GuestOptions
        {
            Script = "entropy",
            Qemu = qemu,
            Arguments = ["-chardev", $"socket,id=entropy,path={device.Socket}", "-device", "vhost-user-rng-pci,chardev=entropy"],
        });

        report["current"].ShouldStartWith("virtio_rng");
        report["length"].ShouldBe(Length.ToString(CultureInfo.InvariantCulture));
        report["different"].ShouldBe("1");
        int.Parse(report["compressed"], CultureInfo.InvariantCulture).ShouldBeGreaterThan(Length, "random bytes do not get shorter");
        (await device.StopAsync()).ShouldBe(0, device.Log);
        await ShouldEndWellAsync(scenario, report);
    }

    /// <summary>QEMU has no device of its own for a console by vhost-user. Its device for anything is there, but for developers alone.</summary>
    [SkippableFact]
    public async Task Console_in_QEMU_10()
    {
        string? qemu = TestBed.OtherQemu(AnyQemu10);
        Skip.If(qemu is null, $"{AnyQemu10} is missing: run tests/Hyperspan.EndToEnd/install");
        await using GuestScenario scenario = await StartAsync(DiskServer.Hyperspan, folder => DiskImage.CreateRandom(folder, 8, seed: 42));
        string terminal = Path.Combine(scenario.Folder, "terminal.socket");
        await using ServedDevice device = await ServedDevice.StartAsync(scenario.Folder, Tool, "serve", "console", "--console", "unix:" + terminal, "--socket");
        await using NetworkStream console = await device.ConnectAsync(terminal);
        GuestMachine guest = await scenario.BootAsync(new GuestOptions
        {
            Script = "console",
            Qemu = qemu,
            Variables = { ["LENGTH"] = ConsoleLength.ToString(CultureInfo.InvariantCulture) },
            Arguments =
            [
                "-chardev", $"socket,id=console,path={device.Socket}",
                "-device", "vhost-user-device-pci,chardev=console,virtio-id=3,num_vqs=2,config_size=12",
            ],
        });
        await guest.WaitForMarkAsync(mark => mark == "open", "the console");

        byte[] typed = RandomNumberGenerator.GetBytes(ConsoleLength);
        await console.WriteAsync(typed);
        byte[] shown = new byte[ConsoleLength];
        await console.ReadExactlyAsync(shown);
        await guest.SendAsync("seen");
        GuestReport report = await guest.FinishAsync();

        report["received"].ShouldBe(Hash(typed));
        report["sent"].ShouldBe(Hash(shown));
        (await device.StopAsync()).ShouldBe(0, device.Log);
        await ShouldEndWellAsync(scenario, report);
    }

    [SkippableFact]
    public async Task Console_in_user_mode_Linux()
    {
        string? uml = TestBed.UserModeLinux;
        Skip.If(uml is null, "user-mode Linux is missing: run tests/Hyperspan.EndToEnd/install");
        Skip.If(TestBed.Missing is not null, TestBed.Missing);
        DirectoryInfo folder = Directory.CreateTempSubdirectory("hs-");
        try
        {
            string terminal = Path.Combine(folder.FullName, "terminal.socket");
            await using ServedDevice device = await ServedDevice.StartAsync(folder.FullName, Tool, "serve", "console", "--console", "unix:" + terminal, "--socket");
            await using NetworkStream console = await device.ConnectAsync(terminal);
            await using LeashedProcess kernel = UserModeLinux.Start(uml, folder.FullName, "uml-console-init", "virtio_console", device.Socket, deviceId: 3);

            (await ReadLineAsync(console)).ShouldEndWith("ready");
            byte[] typed = RandomNumberGenerator.GetBytes(20_000);
            await console.WriteAsync(typed);
            byte[] shown = new byte[typed.Length];
            await console.ReadExactlyAsync(shown);
            await console.WriteAsync("\n"u8.ToArray());

            await UserModeLinux.WaitForHaltAsync(kernel);
            shown.ShouldBe(typed);
            UserModeLinux.Said(kernel, "received").ShouldBe(Hash(typed));
            (await device.StopAsync()).ShouldBe(0, device.Log);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static string Hash(byte[] data) => Convert.ToHexStringLower(SHA256.HashData(data));

    private static async Task<string> ReadLineAsync(NetworkStream stream)
    {
        var line = new StringBuilder();
        byte[] one = new byte[1];
        while (true)
        {
            await stream.ReadExactlyAsync(one);
            if (one[0] == '\n')
            {
                return line.ToString().TrimEnd('\r');
            }

            line.Append((char)one[0]);
        }
    }
}
