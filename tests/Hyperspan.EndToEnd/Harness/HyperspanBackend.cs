using System.Globalization;

namespace Hyperspan.EndToEnd.Harness;

/// <summary>Ours: the command <c>hyperspan serve block</c>, as a user starts it.</summary>
internal sealed class HyperspanBackend(string socketPath, string imagePath, DiskBackendOptions options)
    : ProcessBackend(socketPath, imagePath, options)
{
    public override string Name => "hyperspan";

    /// <summary>
    /// The command's assembly, built beside this one with the same configuration, or null where the project is absent. A path
    /// in HYPERSPAN_E2E_TOOL takes its place: of an assembly, or of a program as published.
    /// </summary>
    /// <exception cref="FileNotFoundException">The project is there and has not been built.</exception>
    internal static string? Assembly
    {
        get
        {
            string? own = Environment.GetEnvironmentVariable("HYPERSPAN_E2E_TOOL");
            return string.IsNullOrEmpty(own) ? BuiltProgram.Find("src/Hyperspan.Tool") : own;
        }
    }

    private protected override (string Program, IEnumerable<string> Arguments) Command
    {
        get
        {
            List<string> arguments = ["serve", "block", "--socket", SocketPath, "--image", ImagePath];
            if (Options.ReadOnly)
            {
                arguments.Add("--read-only");
            }

            if (Options.Iommu)
            {
                arguments.Add("--iommu");
            }

            if (Options.QueueReset)
            {
                arguments.Add("--queue-reset");
            }

            Add(arguments, "--lock", Options.IsMigrated ? "served" : null);
            Add(arguments, "--queues", Options.Queues.ToString(CultureInfo.InvariantCulture));
            Add(arguments, "--id", Options.Id);
            Add(arguments, "--features", Hexadecimal(Options.Features));
            Add(arguments, "--protocol-features", Hexadecimal(Options.ProtocolFeatures));
            List<string> command = Assembly!.EndsWith(".dll", StringComparison.Ordinal) ? ["dotnet", Assembly, .. arguments] : [Assembly, .. arguments];

            // Beside it (-D), so that it is the command itself that is signalled and killed.
            return Options.FlushTrace is { } trace
                ? ("strace", ["-D", "-f", "--seccomp-bpf", "-qq", "-e", "trace=fdatasync", "-e", "signal=none", "-A", "-o", trace, .. command])
                : (command[0], command[1..]);
        }
    }

    private static string? Hexadecimal(ulong? mask) =>
        mask is { } bits ? "0x" + bits.ToString("x", CultureInfo.InvariantCulture) : null;

    private static void Add(List<string> arguments, string option, string? value)
    {
        if (value is not null)
        {
            arguments.AddRange([option, value]);
        }
    }
}
