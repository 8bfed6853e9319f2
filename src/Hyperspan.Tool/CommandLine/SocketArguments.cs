using System.CommandLine;

using Hyperspan.Tool.Metrics;
using Hyperspan.Tool.Serve;
using Hyperspan.VhostUser;

namespace Hyperspan.Tool.CommandLine;

/// <summary>The options that say where a device is served, and to whom: the same for all of them.</summary>
internal sealed class SocketArguments
{
    private readonly Option<string?> _path = new("--socket", "--socket-path")
    {
        Description = "The Unix socket to make. One that nobody listens on any more is replaced; anything else there is left alone.",
        HelpName = "PATH",
    };

    private readonly Option<int?> _descriptor = new("--fd")
    {
        Description = "The descriptor of a socket that listens already, instead of --socket. One that systemd hands over is taken without it.",
        HelpName = "N",
    };

    private readonly Option<UnixFileMode?> _mode = new("--socket-mode")
    {
        Description = "Who may connect: the permissions of the socket, in octal, such as 0660.",
        HelpName = "MODE",
        CustomParser = SocketAccess.ParseMode,
    };

    private readonly Option<uint?> _group = new("--socket-group")
    {
        Description = "The group that the socket belongs to: a name or a number.",
        HelpName = "GROUP",
        CustomParser = SocketAccess.ParseGroup,
    };

    private readonly Option<bool> _fileMemory = new("--allow-file-memory")
    {
        Description = "Accept guest memory in a file on any file system. The price: an access waits as long as that file system does, and with it the queue, the "
            + "connection and the end of this process; one served by the virtual machine's own side can so hold it for ever.",
    };

    private readonly Option<bool> _iommu = new("--iommu")
    {
        Description = "Offer addresses that go through the guest's IOMMU (ACCESS_PLATFORM): for QEMU with iommu_platform=on,ats=on and a machine with an "
            + "IOMMU. Not for front ends that acknowledge what they do not know.",
    };

    private readonly Option<bool> _queueReset = new("--queue-reset")
    {
        Description = "Offer the reset of single queues (RING_RESET): for front ends that stop a queue when their guest resets it. QEMU does so for network devices alone.",
    };

    private readonly Option<ulong> _memoryLimit = Sizes.CreateOption(
        "--memory-limit",
        "Refuse guests with more memory, such as 2G. What a guest has its disk read into may be charged to the control group of this process: less than that has room for.",
        new VhostUserOptions().MaximumMemory);

    private readonly Option<MetricsAddress?> _metrics = MetricsArgument.CreateOption(
        "Where the figures of this process (requests, bytes, times, errors) can be read by HTTP as Prometheus reads them, and by 'hyperspan top': "
            + MetricsAddress.Form + ". Port 0 is any that is free, * every address of this machine.");

    private readonly Option<ulong> _features = Masks.CreateOption("--features", "The virtio features that may be offered, with bit 30 for protocol features.");

    private readonly Option<ulong> _protocolFeatures = Masks.CreateOption("--protocol-features", "The vhost-user protocol features that may be offered.");

    /// <summary>Initializes a new instance of the <see cref="SocketArguments"/> class and adds them to a command.</summary>
    /// <param name="command">The command.</param>
    internal SocketArguments(Command command)
        : this(command, several: null)
    {
    }

    /// <summary>Initializes a new instance of the <see cref="SocketArguments"/> class and adds them to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="several">What names several devices with their sockets, instead of one.</param>
    /// <param name="required">What else that command requires for one.</param>
    internal SocketArguments(Command command, Option? several, params Option[] required)
    {
        foreach (Option option in (Option[])[_path, _descriptor, _mode, _group, _fileMemory, _iommu, _queueReset, _memoryLimit, _metrics, _features, _protocolFeatures])
        {
            command.Add(option);
        }

        command.Validators.Add(result =>
        {
            if (several is not null && result.GetResult(several) is not null)
            {
                foreach (Option one in ((Option[])[_path, _descriptor, .. required]).Where(option => result.GetResult(option) is not null))
                {
                    result.AddError($"Option '{one.Name}' is for one disk, '{several.Name}' says it for several.");
                }

                return;
            }

            if (result.GetResult(_path) is null && result.GetResult(_descriptor) is null && !GivenSocket.IsOffered)
            {
                result.AddError("Option '--socket' is required, or '--fd'.");
            }

            foreach (Option missing in required.Where(option => result.GetResult(option) is null))
            {
                result.AddError($"Option '{missing.Name}' is required.");
            }
        });
    }

    /// <summary>Gets what was said.</summary>
    internal SocketOptions Of(ParseResult result) => new()
    {
        Path = result.GetValue(_path),
        Descriptor = result.GetValue(_descriptor),
        Mode = result.GetValue(_mode),
        Group = result.GetValue(_group),
        AllowFileMemory = result.GetValue(_fileMemory),
        Iommu = result.GetValue(_iommu),
        QueueReset = result.GetValue(_queueReset),
        MemoryLimit = result.GetValue(_memoryLimit),
        Metrics = result.GetValue(_metrics),
        Features = result.GetValue(_features),
        ProtocolFeatures = (VhostUserProtocolFeatures)result.GetValue(_protocolFeatures),
    };
}
