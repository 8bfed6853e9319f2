using System.Diagnostics;

using Hyperspan.Interop.Linux;
using Hyperspan.Testing;
using Hyperspan.Tool.Tests.Infrastructure;
using Hyperspan.Virtio;

using Microsoft.Win32.SafeHandles;

using Xunit.Abstractions;

namespace Hyperspan.Tool.Tests;

/// <summary>The server is asked to end while something that it depends on hangs. With HYPERSPAN_LONG=1 twenty times each, and the longest is printed.</summary>
public sealed class EndTests(ITestOutputHelper output) : IDisposable
{
    private const int Terminate = 15;
    private const int Size = 4 << 20;
    private const ulong Data = 0x8_0000;

    // Ten seconds after which it has ended, and as much again for a busy machine to start what measures it.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private static readonly int Rounds = Environment.GetEnvironmentVariable("HYPERSPAN_LONG") == "1" ? 20 : 1;

    private readonly TemporaryFolder _folder = new();

    [LinuxTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_image_that_does_not_answer_is_left_and_that_is_said(bool writes)
    {
        Measure(round =>
        {
            using StuckFile? stuck = StuckFile.TryCreate(_folder.PathOf($"disk{round}"), Size, isFlushed: false, out string reason);
            Skip.If(stuck is null, reason);
            using ToolProcess server = Start(stuck.Path, round);
            using var guest = new Guest(_folder.PathOf($"s{round}"));
            guest.Disk.Write(0, Data, 4096).ShouldBe(BlockStatus.Ok);
            stuck.FallSilent();
            var request = new Thread(() => Record.Exception(() => writes ? guest.Disk.Write(1024, Data, 4096) : guest.Disk.Read(2048, Data, 4096)))
            {
                IsBackground = true,
            };
            request.Start();

            // So that the request has been taken; where it was not, the end is the shorter.
            Thread.Sleep(300);
            return End(server, 1, "ended by force");
        });
    }

    /// <summary>The event is kept full, and blocking, by the front end that gave it.</summary>
    [LinuxFact]
    public void An_event_that_is_full_and_blocking_does_not_keep_it_from_ending_in_order() => Measure(round =>
    {
        using ToolProcess server = Start(_folder.CreateImage($"disk{round}", Size), round);
        using var guest = new Guest(_folder.PathOf($"s{round}"));
        guest.Disk.Write(0, Data, 4096).ShouldBe(BlockStatus.Ok);
        using var stop = new CancellationTokenSource();
        var filler = new Thread(() => KeepFull(guest.CallHandle, stop.Token)) { IsBackground = true };
        filler.Start();
        try
        {
            guest.Disk.TrySubmitWrite(1024, [new ChainSegment(Data, 4096)], out _).ShouldBeTrue();
            guest.Kick();
            Thread.Sleep(300);
            return End(server, 0, "done: 1 connection");
        }
        finally
        {
            stop.Cancel();
            filler.Join();
        }
    });

    /// <summary>As many queues as there may be, each with an event that is full and blocking: freed one after the other they take longer than there is.</summary>
    [LinuxFact]
    public void Events_of_many_queues_that_are_full_and_blocking_do_not_keep_it_from_ending_in_order() => Measure(round =>
    {
        const int Queues = 256;
        using var server = ToolProcess.Start(
            "serve", "block", "--queues", $"{Queues}", "--socket", _folder.PathOf($"s{round}"), "--image", _folder.CreateImage($"disk{round}", Size));
        server.WaitForLog("listening");
        using var backing = new SharedBacking(8 << 20);
        using var memory = new GuestMemory(backing, "guest");
        using var frontEnd = VhostUserFrontEnd.Connect(_folder.PathOf($"s{round}"));
        frontEnd.Negotiate(VirtioFeatures.Version1 | (1UL << 30));
        frontEnd.SetMemory(VhostUserSharedMemory.Of(0, backing));
        var queues = new List<VhostUserFrontEndQueue>();
        try
        {
            for (int i = 0; i < Queues; i++)
            {
                var rings = new VirtQueueDriver(memory, (ulong)i * 0x2000, 16);
                queues.Add(frontEnd.StartQueue(i, rings.Layout));
                rings.TryAdd([new ChainSegment(0x40_0000, 16)], [new ChainSegment(0x40_1000, 1)], out _).ShouldBeTrue();
            }

            // What was said is done, and each event is full from now on.
            frontEnd.GetFeatures();
            queues.ForEach(queue => Fill(queue.CallHandle));
            queues.ForEach(queue => queue.Kick());
            Thread.Sleep(300);
            return End(server, 0, $"done: 1 connection, {Queues} requests");
        }
        finally
        {
            queues.ForEach(queue => queue.Dispose());
        }
    });

    /// <summary>The image of one disk hangs, that of the other is flushed all the same.</summary>
    [LinuxFact]
    public void A_disk_that_does_not_answer_does_not_keep_others_from_their_end() => Measure(round =>
    {
        using StuckFile? stuck = StuckFile.TryCreate(_folder.PathOf($"disk{round}"), Size, isFlushed: false, out string reason);
        Skip.If(stuck is null, reason);
        string other = _folder.CreateImage($"other{round}", Size);
        using var server = ToolProcess.Start(
            "serve", "block", "--disk", $"image={stuck.Path},socket={_folder.PathOf($"s{round}")}", "--disk", $"image={other},socket={_folder.PathOf($"t{round}")}");
        server.WaitForLog($"{other}: listening");
        server.WaitForLog($"{stuck.Path}: listening");
        using var guest = new Guest(_folder.PathOf($"s{round}"));
        using var good = new Guest(_folder.PathOf($"t{round}"));
        guest.Disk.Write(0, Data, 4096).ShouldBe(BlockStatus.Ok);
        good.Disk.Write(0, Data, 4096).ShouldBe(BlockStatus.Ok);
        stuck.FallSilent();
        guest.Disk.TrySubmitRead(2048, [new ChainSegment(Data, 4096)], out _).ShouldBeTrue();
        guest.Kick();
        Thread.Sleep(300);
        TimeSpan time = End(server, 1, "ended by force");
        server.Log.ShouldContain($"{other}: done: 1 connection, 1 request");
        return time;
    });

    /// <summary>The pipe is full before the server starts, the queue of lines by what a guest does.</summary>
    [LinuxFact]
    public void A_standard_error_that_nobody_reads_does_not_keep_it_from_ending_in_order() => Measure(round =>
    {
        string path = _folder.PathOf($"s{round}");
        string exit = _folder.PathOf($"exit{round}");
        const string Script = "mkfifo \"$4\"; exec 4<>\"$4\"; (head -c 1000000 /dev/zero >&4 & sleep 0.5; kill $!) 2>/dev/null; "
            + "dotnet \"$0\" serve block --socket \"$1\" --image \"$2\" 2>&4 >/dev/null & echo $! > \"$3.pid\"; wait $!; echo $? > \"$3\"";
        using var shell = Process.Start(
            "bash",
            [
                "-c", Script, System.IO.Path.Combine(AppContext.BaseDirectory, "Hyperspan.Tool.dll"),
                path, _folder.CreateImage($"disk{round}", Size), exit, _folder.PathOf($"pipe{round}"),
            ]);
        Guest.WaitForServer(path);
        for (int i = 0; i < 300; i++)
        {
            using var wrong = VhostUserFrontEnd.Connect(path);
            wrong.GetFeatures();
        }

        using var guest = new Guest(path);
        for (int i = 0; i < 2000; i++)
        {
            guest.Disk.Read(Size, Data, 512).ShouldBe(BlockStatus.IoError);
        }

        var clock = Stopwatch.StartNew();
        using (var kill = Process.Start("kill", ["-15", File.ReadAllText(exit + ".pid").Trim()]))
        {
            kill.WaitForExit();
        }

        shell.WaitForExit(TimeSpan.FromSeconds(60)).ShouldBeTrue();
        TimeSpan time = clock.Elapsed;
        File.ReadAllText(exit).Trim().ShouldBe("0");
        return time;
    });

    /// <summary>Asked as soon as anything is there that could be left behind.</summary>
    [LinuxTheory]
    [InlineData("block")]
    [InlineData("entropy")]
    [InlineData("console")]
    public void Asked_to_end_at_its_first_moment_it_leaves_no_socket(string device)
    {
        string[] more = device switch
        {
            "block" => ["--image", _folder.CreateImage("disk", Size)],
            "console" => ["--console", "unix:" + _folder.PathOf("console")],
            _ => [],
        };
        for (int round = 0; round < 3; round++)
        {
            string socket = _folder.PathOf($"s{round}");
            using var shell = Process.Start(
                "bash",
                [
                    "-c", "env --default-signal dotnet \"$@\" > /dev/null & until [ -S \"$0\" ] || ! kill -0 $!; do :; done; kill -TERM $!; wait $!", socket,
                    System.IO.Path.Combine(AppContext.BaseDirectory, "Hyperspan.Tool.dll"), "serve", device, "--socket", socket, .. more,
                ]);
            shell.WaitForExit(TimeSpan.FromMinutes(3)).ShouldBeTrue();
            shell.ExitCode.ShouldBe(0);
            Directory.GetFiles(_folder.PathOf("")).Where(file => Path.GetFileName(file) != "disk").ShouldBeEmpty();
        }
    }

    /// <summary>As timeout(1) does, which sends its signal to the process and to its group.</summary>
    [LinuxTheory]
    [InlineData("TERM", "INT")]
    [InlineData("INT", "TERM")]
    [InlineData("HUP", "TERM")]
    public void Asked_to_end_twice_at_the_same_time_it_ends_in_order(string first, string second)
    {
        for (int round = 0; round < 3; round++)
        {
            using ToolProcess server = ToolProcess.Start("serve", "entropy", "--socket", _folder.PathOf($"s{round}"));
            server.WaitForLog("listening");
            using var kill = Process.Start("bash", ["-c", $"kill -{first} {server.Id}; kill -{second} {server.Id}"]);
            ToolResult result = server.WaitForExit();
            result.ShouldEndWith(0);
            result.Error.ShouldContain("done: ");
        }
    }

    /// <summary>By signals that nobody asks a server to end with, but that end it.</summary>
    [LinuxTheory]
    [InlineData("USR1")]
    [InlineData("ALRM")]
    [InlineData("XCPU")]
    [InlineData("PWR")]
    public void Ended_by_another_signal_it_leaves_no_socket(string signal)
    {
        using ToolProcess server = ToolProcess.Start(
            "serve", "console", "--socket", _folder.PathOf("s"), "--console", "unix:" + _folder.PathOf("c"), "--metrics", "unix:" + _folder.PathOf("m"));
        server.WaitForLog("listening");
        _folder.Names().ShouldBe(["c", "m", "s"]);
        using var kill = Process.Start("bash", ["-c", $"kill -{signal} {server.Id}"]);
        server.WaitForExit().ExitCode.ShouldBeGreaterThan(128);
        _folder.Names().ShouldBeEmpty();
    }

    [LinuxTheory]
    [InlineData("INT")]
    [InlineData("QUIT")]
    public void A_terminal_is_put_back_when_it_is_asked_to_end_at_its_first_moment(string signal)
    {
        Skip.If(!File.Exists("/usr/bin/script"), "needs the command script, which gives a program a terminal");
        string commands = _folder.PathOf("commands");
        File.WriteAllText(commands, $$"""
            before=$(stty -g)
            (until [ "$(stty -g < /dev/tty)" != "$before" ]; do :; done; kill -{{signal}} $(cat pid)) &
            bash -c 'echo $$ > pid; exec env --default-signal dotnet "{{Path.Combine(AppContext.BaseDirectory, "Hyperspan.Tool.dll")}}" serve console --socket s'
            echo "ended with $?"
            [ "$(stty -g)" = "$before" ] && echo "put back"

            """.ReplaceLineEndings("\n"));
        var start = new ProcessStartInfo("/usr/bin/script", ["-qec", $"bash '{commands}'", "/dev/null"])
        {
            WorkingDirectory = _folder.PathOf(""),
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardInput = true,
        };
        using Process script = Process.Start(start)!;
        string text = script.StandardOutput.ReadToEnd();
        script.WaitForExit();
        text.ShouldContain("ended with 0");
        text.ShouldContain("put back");
        File.Exists(_folder.PathOf("s")).ShouldBeFalse();
    }

    /// <summary>Stopped the terminal is the shell's, in the background the command runs on and can be ended, in the foreground the terminal is raw again.</summary>
    [LinuxFact]
    public void A_terminal_is_put_back_while_it_is_stopped()
    {
        // Other shells put it back themselves.
        Skip.If(!File.Exists("/usr/bin/script") || !File.Exists("/usr/bin/dash"), "needs the command script, which gives a program a terminal, and the shell dash");
        string commands = _folder.PathOf("commands");
        File.WriteAllText(commands, $$"""
            set -m
            before=$(stty -g)
            state() { [ "$(stty -g < /dev/tty)" = "$before" ] && echo "$1: as before" || echo "$1: raw"; }
            ready() { until [ -e "$1" ]; do sleep 0.02; done; until [ "$(stty -g < /dev/tty)" != "$before" ]; do sleep 0.02; done; }
            ( ready pid; kill -TSTP $(cat pid); ready again; kill -TSTP $(cat pid); ready force; kill -STOP $(cat pid)
              until [ -e last ]; do sleep 0.02; done; sleep 0.5; kill -TSTP $(cat pid) ) < /dev/null &
            dash -c 'echo $$ > pid; exec env --default-signal dotnet "{{Path.Combine(AppContext.BaseDirectory, "Hyperspan.Tool.dll")}}" serve console --socket s 2> log'
            state "stopped"; touch again
            fg %2 > /dev/null; state "stopped again"
            bg %2 > /dev/null; sleep 1; jobs %2 > running; grep -q Running running && echo "runs behind"; state "behind"
            touch force; fg %2 > /dev/null; state "stopped by force"; touch last
            fg %2 > /dev/null; state "stopped at last"
            bg %2 > /dev/null; sleep 1; kill $(cat pid); wait %2; echo "ended with $?"; state "at the end"

            """.ReplaceLineEndings("\n"));
        var start = new ProcessStartInfo("/usr/bin/script", ["-qec", $"dash '{commands}'", "/dev/null"])
        {
            WorkingDirectory = _folder.PathOf(""),
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardInput = true,
        };
        using Process script = Process.Start(start)!;
        Task<string> text = script.StandardOutput.ReadToEndAsync();
        bool ended = script.WaitForExit(TimeSpan.FromMinutes(2));
        if (!ended)
        {
            script.Kill(entireProcessTree: true);
        }

        string all = text.Result;
        ended.ShouldBeTrue(all);
        foreach (string line in (string[])
            [
                "stopped: as before", "stopped again: as before", "runs behind", "behind: as before", "stopped by force: raw", "stopped at last: as before", "ended with 0",
                "at the end: as before",
            ])
        {
            all.Contains(line, StringComparison.Ordinal).ShouldBeTrue($"{line}, not in:\n{all}");
        }
    }

    public void Dispose() => _folder.Dispose();

    private static unsafe void Fill(SafeFileHandle handle)
    {
        int flags = LibC.Fcntl(handle, FileCommand.GetFlags, 0);
        _ = LibC.Fcntl(handle, FileCommand.SetFlags, flags | (int)OpenFlags.NonBlocking);
        for (ulong step = ulong.MaxValue - 16; step != 0; step = step > 1 ? 1UL : 0)
        {
            // SAFETY: eight bytes of this stack.
            while (LibC.Write(handle, &step, sizeof(ulong)) > 0)
            {
            }
        }

        _ = LibC.Fcntl(handle, FileCommand.SetFlags, flags & ~(int)OpenFlags.NonBlocking);
    }

    private static unsafe void KeepFull(SafeFileHandle handle, CancellationToken stop)
    {
        ulong most = ulong.MaxValue - 1;
        while (!stop.IsCancellationRequested)
        {
            int flags = LibC.Fcntl(handle, FileCommand.GetFlags, 0);
            _ = LibC.Fcntl(handle, FileCommand.SetFlags, flags | (int)OpenFlags.NonBlocking);

            // SAFETY: eight bytes of this stack.
            _ = LibC.Write(handle, &most, sizeof(ulong));
            _ = LibC.Fcntl(handle, FileCommand.SetFlags, flags & ~(int)OpenFlags.NonBlocking);
            Thread.Sleep(1);
        }
    }

    private static TimeSpan End(ToolProcess server, int exitCode, string said)
    {
        var clock = Stopwatch.StartNew();
        server.Signal(Terminate);
        ToolResult result = server.WaitForExit();
        TimeSpan time = clock.Elapsed;
        result.ShouldEndWith(exitCode);
        result.Error.ShouldContain(said);
        return time;
    }

    private void Measure(Func<int, TimeSpan> round)
    {
        TimeSpan longest = Enumerable.Range(0, Rounds).Max(round);
        output.WriteLine($"longest of {Rounds}: {longest.TotalSeconds:f2} s");
        longest.ShouldBeLessThan(Limit);
    }

    private ToolProcess Start(string image, int round)
    {
        ToolProcess server = ToolProcess.Start("serve", "block", "--socket", _folder.PathOf($"s{round}"), "--image", image);
        server.WaitForLog("listening");
        return server;
    }
}
