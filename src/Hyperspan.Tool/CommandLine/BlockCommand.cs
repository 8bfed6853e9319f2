using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

using Hyperspan.Tool.Serve;
using Hyperspan.Virtio;

namespace Hyperspan.Tool.CommandLine;

/// <summary><c>hyperspan serve block</c></summary>
internal static class BlockCommand
{
    private const int MostQueues = 256;
    private const int LongestId = 20;

    internal static Command Create()
    {
        var capabilities = new Option<bool>("--print-capabilities") { Description = "Say in JSON what management software may use, and do nothing else." };
        var image = new Option<string>("--image", "--blk-file")
        {
            Description = "The raw disk image: a file or a block device, its size a multiple of 512.",
            HelpName = "FILE",
        };
        Option<string[]> disks = DiskArgument.CreateOption();
        var readOnly = new Option<bool>("--read-only") { Description = "Open the image for reading alone; the guest sees a disk that cannot be written." };
        var cache = new Option<DiskCache>("--cache")
        {
            Description = "writeback: through the page cache, which a flush of the guest writes out. none: past it (O_DIRECT). "
                + "directsync: past it, and each write is durable before it is completed.",
            HelpName = "MODE",
            CustomParser = ParseCache,
        };
        var format = new Option<string>("--format")
        {
            Description = "Say raw to serve a file as it is though it looks like an image of another format.",
            HelpName = "FORMAT",
        };
        format.AcceptOnlyFromAmong("raw");
        var locking = new Option<string>("--lock")
        {
            Description = "When the image is locked against other instances: always, or while it is served, so that two servers can hand it over when a guest is migrated.",
            HelpName = "WHEN",
            DefaultValueFactory = static _ => "always",
        };
        locking.AcceptOnlyFromAmong("always", "served");
        var force = new Option<bool>("--force") { Description = "Write to a block device though this system uses it, mounted for instance." };
        var queues = new Option<int>("--queues")
        {
            Description = "How many queues, each served by a thread of its own: 1 to 256, best one for each of the guest's processors.",
            HelpName = "N",
            DefaultValueFactory = static _ => 1,
        };
        var id = new Option<string>("--id")
        {
            Description = "The serial number that the guest sees: at most 20 printable ASCII characters.",
            HelpName = "TEXT",
            DefaultValueFactory = static _ => "hyperspan",
        };
        Option<DiskErrorPolicy> readErrors = ErrorPolicyArgument.CreateOption(
            "--rerror",
            "What becomes of reads that the image fails: report them to the guest, ignore them, or stop: they and all that comes wait until SIGCONT, and are tried again.");
        Option<DiskErrorPolicy> writeErrors = ErrorPolicyArgument.CreateOption(
            "--werror",
            "The same for writes; enospc stops where there is no space left, and reports else. A flush that failed is always reported, unless it is ignored.");
        Option<DiskThrottle?> throttle = ThrottleArgument.CreateOption();
        queues.Validators.Add(ValidateQueues);
        id.Validators.Add(ValidateId);

        var command = new DocumentedCommand("block", "Serve a raw disk image by vhost-user, until Ctrl-C.")
        {
            Examples =
            [
                ("hyperspan serve block --socket /tmp/disk.sock --image disk.img", "Serve an image; the line to start QEMU with is printed."),
                ("hyperspan serve block --socket /tmp/cd.sock --image cd.iso --read-only --id CDROM", "Serve one that the guest must not write."),
                ("hyperspan serve block --socket /tmp/disk.sock --image disk.img --queues 4 2>> disk.log", "Serve four processors, with a log in a file."),
                ("hyperspan serve block --queues 2 --disk image=a.img,socket=/tmp/a.sock --disk image=b.img,socket=/tmp/b.sock,read-only", "Serve two disks, each on its socket."),
            ],
            ExitCodes =
            [
                (ExitCode.Success, "ended by Ctrl-C, SIGTERM or SIGHUP: what was in flight is finished, the image flushed, the socket removed"),
                (ExitCode.Failure, "serving failed, a flush of the image failed at any time, or it had to be ended by force"),
                (ExitCode.BadInput, "wrong arguments, image or socket: one line says why, nothing has been changed"),
            ],
        };
        var socket = new SocketArguments(command, disks, image);
        foreach (Option option in (Option[])[image, disks, readOnly, cache, format, locking, force, queues, id, readErrors, writeErrors, throttle, capabilities])
        {
            command.Add(option);
        }

        command.SetAction(result =>
        {
            var options = new BlockServerOptions
            {
                Socket = socket.Of(result),
                ImagePath = result.GetValue(image) ?? "",
                ReadOnly = result.GetValue(readOnly),
                Cache = result.GetValue(cache),
                IsRaw = result.GetValue(format) is not null,
                Locking = LockingOf(result.GetValue(locking)),
                Force = result.GetValue(force),
                Queues = result.GetValue(queues),
                ReadErrors = result.GetValue(readErrors),
                WriteErrors = result.GetValue(writeErrors),
                Throttle = result.GetValue(throttle),
                Id = result.GetValue(id)!,
            };
            return Run(result.GetValue(disks) is { Length: > 0 } texts ? [.. texts.Select(text => DiskArgument.Parse(text, options))] : [options]);
        });
        return command;
    }

    internal static ImageLocking LockingOf(string? text) => text == "served" ? ImageLocking.WhileServed : ImageLocking.Always;

    internal static bool IsQueueCount(int queues) => queues is >= 1 and <= MostQueues;

    internal static bool IsId(string id) => id.Length <= LongestId && id.All(static c => c is >= ' ' and <= '~');

    internal static bool TryParseCache(string text, out DiskCache cache)
    {
        (bool isKnown, cache) = text switch
        {
            "writeback" => (true, DiskCache.Writeback),
            "none" => (true, DiskCache.None),
            "directsync" => (true, DiskCache.DirectSync),
            _ => (false, default),
        };
        return isKnown;
    }

    private static int Run(IReadOnlyList<BlockServerOptions> disks)
    {
        using var server = BlockServer.Open(disks);
        return server.Run();
    }

    private static DiskCache ParseCache(ArgumentResult result)
    {
        string text = result.Tokens.Single().Value;
        if (!TryParseCache(text, out DiskCache cache))
        {
            result.AddError($"--cache: '{text}' is not writeback, none or directsync.");
        }

        return cache;
    }

    private static void ValidateQueues(OptionResult result)
    {
        // One that is no number has been reported already.
        if (result.Tokens is [{ Value: string text }] && int.TryParse(text, CultureInfo.InvariantCulture, out int queues) && !IsQueueCount(queues))
        {
            result.AddError($"--queues: {queues} is not from 1 to {MostQueues}.");
        }
    }

    private static void ValidateId(OptionResult result)
    {
        if (result.Tokens is [{ Value: string id }] && !IsId(id))
        {
            result.AddError($"--id: '{id}' is not at most {LongestId} printable ASCII characters.");
        }
    }
}
