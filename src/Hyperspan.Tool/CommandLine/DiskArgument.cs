using System.CommandLine;
using System.Globalization;

using Hyperspan.Tool.Serve;
using Hyperspan.Virtio;

namespace Hyperspan.Tool.CommandLine;

/// <summary>The option that names one of several disks: <c>image=FILE,socket=PATH</c>, with what differs from the other options of the command.</summary>
internal static class DiskArgument
{
    internal static Option<string[]> CreateOption() => new("--disk")
    {
        Description = "One of several disks that this process serves, instead of --image and --socket: image=FILE,socket=PATH, and of read-only, cache=, format=, lock=, "
            + "force, queues=, id=, rerror=, werror=, iops=, bps= and burst= (of --throttle) what is not as said by the option of that name. "
            + "A comma in a value is written twice. May be given again for each disk.",
        HelpName = "VALUES",
        AllowMultipleArgumentsPerToken = false,
    };

    /// <summary>Gets the disk that a text says.</summary>
    /// <param name="text">The text.</param>
    /// <param name="otherwise">What holds for each disk that does not say so itself.</param>
    /// <exception cref="InvalidInputException">Something in it is wrong.</exception>
    internal static BlockServerOptions Parse(string text, BlockServerOptions otherwise)
    {
        string? image = null;
        string? socket = null;
        BlockServerOptions disk = otherwise;
        var seen = new HashSet<string>(StringComparer.Ordinal);
        List<string> limits = [];
        foreach (string entry in Split(text))
        {
            int equals = entry.IndexOf('=', StringComparison.Ordinal);
            (string key, string? value) = equals < 0 ? (entry, null) : (entry[..equals], entry[(equals + 1)..]);
            if (!seen.Add(key))
            {
                throw new InvalidInputException($"--disk: {key} is said twice: '{text}'");
            }

            switch (key, value)
            {
                case ("image", { Length: > 0 }):
                    image = value;
                    break;
                case ("socket", { Length: > 0 }):
                    socket = value;
                    break;
                case ("read-only", null or "on" or "off"):
                    disk = disk with { ReadOnly = value != "off" };
                    break;
                case ("force", null or "on" or "off"):
                    disk = disk with { Force = value != "off" };
                    break;
                case ("cache", not null) when BlockCommand.TryParseCache(value, out DiskCache cache):
                    disk = disk with { Cache = cache };
                    break;
                case ("format", "raw"):
                    disk = disk with { IsRaw = true };
                    break;
                case ("lock", "always" or "served"):
                    disk = disk with { Locking = BlockCommand.LockingOf(value) };
                    break;
                case ("queues", not null) when int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int queues) && BlockCommand.IsQueueCount(queues):
                    disk = disk with { Queues = queues };
                    break;
                case ("id", not null) when BlockCommand.IsId(value):
                    disk = disk with { Id = value };
                    break;
                case ("rerror", not null) when ErrorPolicyArgument.TryParse(key, value, out DiskErrorPolicy policy):
                    disk = disk with { ReadErrors = policy };
                    break;
                case ("werror", not null) when ErrorPolicyArgument.TryParse(key, value, out DiskErrorPolicy policy):
                    disk = disk with { WriteErrors = policy };
                    break;
                case ("iops" or "bps" or "burst", not null):
                    limits.Add(entry);
                    break;
                default:
                    throw new InvalidInputException(
                        $"--disk: '{entry}' is none of image=FILE, socket=PATH, read-only, cache=MODE, format=raw, lock=WHEN, force, queues=N, id=TEXT, "
                        + "rerror=POLICY, werror=POLICY, iops=N, bps=SIZE and burst=SECONDS");
            }
        }

        if (limits.Count != 0)
        {
            disk = ThrottleArgument.TryParse(string.Join(',', limits), out DiskThrottle? throttle, out string? why)
                ? disk with { Throttle = throttle }
                : throw new InvalidInputException($"--disk: {why}");
        }

        return image is null || socket is null
            ? throw new InvalidInputException($"--disk: {(image is null ? "image=FILE" : "socket=PATH")} is missing: '{text}'")
            : disk with { ImagePath = image, Name = image, Socket = disk.Socket with { Path = socket } };
    }

    /// <summary>Splits at single commas; two stand for one.</summary>
    private static IEnumerable<string> Split(string text) =>
        text.Replace(",,", "\0", StringComparison.Ordinal).Split(',').Select(static part => part.Replace('\0', ','));
}
