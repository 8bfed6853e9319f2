using System.Globalization;

namespace Hyperspan.Tool.Serve;

/// <summary>The command line by which QEMU connects to a socket.</summary>
internal static class QemuLine
{
    /// <summary>Makes it: as one line for a shell, the guest's memory shared, as vhost-user needs it.</summary>
    /// <param name="socketPath">The socket.</param>
    /// <param name="queues">The number of queues.</param>
    internal static string Create(string socketPath, int queues)
    {
        // A comma ends a value in QEMU's options, two stand for one.
        string path = Path.GetFullPath(socketPath).Replace(",", ",,", StringComparison.Ordinal);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"qemu-system-x86_64 -m 1G -object memory-backend-memfd,id=mem,size=1G,share=on -numa node,memdev=mem "
                + $"-chardev {Quote($"socket,id=disk,path={path}")} -device vhost-user-blk-pci,chardev=disk,num-queues={queues}");
    }

    private static string Quote(string word) => word.All(c => char.IsAsciiLetterOrDigit(c) || "/._-,=:+@%".Contains(c, StringComparison.Ordinal))
        ? word
        : "'" + word.Replace("'", @"'\''", StringComparison.Ordinal) + "'";
}
