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
            Required = true,
        };
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
        queues.Validators.Add(ValidateQueues);
        id.Validators.Add(ValidateId);

        var command = new DocumentedCommand("block", "Serve a raw disk image by vhost-user, until Ctrl-C.")
        {
            Examples =
            [
                ("hyperspan serve block --socket /tmp/disk.sock --image disk.img", "Serve an image; the line to start QEMU with is printed."),
                ("hyperspan serve block --socket /tmp/cd.sock --image cd.iso --read-only --id CDROM", "Serve one that the guest must not write."),
                ("hyperspan serve block --socket /tmp/disk.sock --image disk.img --queues 4 2>> disk.log", "Serve four processors, with a log in a file."),
            ],
            ExitCodes =
            [
                (ExitCode.Success, "ended by Ctrl-C, SIGTERM or SIGHUP: what was in flight is finished, the image flushed, the socket removed"),
                (ExitCode.Failure, "serving failed, a flush of the image failed at any time, or it had to be ended by force"),
                (ExitCode.BadInput, "wrong arguments, image or socket: one line says why, nothing has been changed"),
            ],
        };
        var socket = new SocketArguments(command, image);
        foreach (Option option in (Option[])[image, readOnly, cache, format, locking, force, queues, id, capabilities])
        {
            command.Add(option);
        }

        command.SetAction(result => Run(new BlockServerOptions
        {
            Socket = socket.Of(result),
            ImagePath = result.GetRequiredValue(image),
            ReadOnly = result.GetValue(readOnly),
            Cache = result.GetValue(cache),
            IsRaw = result.GetValue(format) is not null,
            Locking = result.GetValue(locking) == "served" ? ImageLocking.WhileServed : ImageLocking.Always,
            Force = result.GetValue(force),
            Queues = result.GetValue(queues),
            Id = result.GetValue(id)!,
        }));
        return command;
    }

    private static int Run(BlockServerOptions options)
    {
        using var server = BlockServer.Open(options);
        return server.Run();
    }

    private static DiskCache ParseCache(ArgumentResult result)
    {
        switch (result.Tokens.Single().Value)
        {
            case "writeback":
                return DiskCache.Writeback;
            case "none":
                return DiskCache.None;
            case "directsync":
                return DiskCache.DirectSync;
            default:
                result.AddError($"--cache: '{result.Tokens.Single().Value}' is not writeback, none or directsync.");
                return default;
        }
    }

    private static void ValidateQueues(OptionResult result)
    {
        // One that is no number has been reported already.
        if (result.Tokens is [{ Value: string text }] && int.TryParse(text, CultureInfo.InvariantCulture, out int queues) && queues is < 1 or > MostQueues)
        {
            result.AddError($"--queues: {queues} is not from 1 to {MostQueues}.");
        }
    }

    private static void ValidateId(OptionResult result)
    {
        if (result.Tokens is [{ Value: string id }] && (id.Length > LongestId || id.Any(c => c is < ' ' or > '~')))
        {
            result.AddError($"--id: '{id}' is not at most {LongestId} printable ASCII characters.");
        }
    }
}
