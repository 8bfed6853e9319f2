using System.Globalization;

using Hyperspan.Interop.Linux;

namespace Hyperspan.Tool.Serve;

/// <summary>The command line by which QEMU connects to a socket.</summary>
internal static class QemuLine
{
    /// <summary>The line for a disk.</summary>
    /// <param name="socketPath">The socket.</param>
    /// <param name="queues">The number of queues.</param>
    internal static string ForBlock(string socketPath, int queues) =>
        Create(socketPath, "disk", string.Create(CultureInfo.InvariantCulture, $"vhost-user-blk-pci,chardev=disk,num-queues={queues}"));

    /// <summary>The line for an entropy device.</summary>
    internal static string ForEntropy(string socketPath) => Create(socketPath, "entropy", "vhost-user-rng-pci,chardev=entropy");

    /// <summary>The line for a console, by the device of QEMU that takes any id.</summary>
    internal static string ForConsole(string socketPath) => Create(
        socketPath, "console", "vhost-user-device-pci,chardev=console,virtio-id=3,num_vqs=2,config_size=12");

    /// <summary>Makes it: as one line for a shell, the guest's memory shared, as vhost-user needs it.</summary>
    private static string Create(string socketPath, string name, string device)
    {
        // A comma ends a value in QEMU's options, two stand for one.
        string path = FullPaths.Of(socketPath).Replace(",", ",,", StringComparison.Ordinal);
        return $"qemu-system-x86_64 -m 1G -object memory-backend-memfd,id=mem,size=1G,share=on -numa node,memdev=mem "
            + $"-chardev {Quote($"socket,id={name},path={path}")} -device {device}";
    }

    private static string Quote(string word) => word.All(c => char.IsAsciiLetterOrDigit(c) || "/._-,=:+@%".Contains(c, StringComparison.Ordinal))
        ? word
        : "'" + word.Replace("'", @"'\''", StringComparison.Ordinal) + "'";
}
