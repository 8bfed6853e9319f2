using System.Globalization;

namespace Hyperspan.EndToEnd.Harness;

/// <summary>Ours: the command <c>hyperspan serve block</c>, as a user starts it.</summary>
internal sealed class HyperspanBackend(string socketPath, string imagePath, DiskBackendOptions options)
    : ProcessBackend(socketPath, imagePath, options)
{
    public override string Name => "hyperspan";

    /// <summary>
    /// The command's assembly, built beside this one with the same configuration, or null where the project is absent. A path
    /// in HYPERSPAN_E2E_TOOL takes its place.
    /// </summary>
    /// <exception cref="FileNotFoundException">The project is there and has not been built.</exception>
    internal static string? Assembly
    {
        get
        {
            string? own = Environment.GetEnvironmentVariable("HYPERSPAN_E2E_TOOL");
            if (!string.IsNullOrEmpty(own))
            {
                return own;
            }

            var output = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd('/'));
            string framework = output.Name;
            string configuration = output.Parent!.Name;
            for (DirectoryInfo? folder = output; folder is not null; folder = folder.Parent)
            {
                string project = Path.Combine(folder.FullName, "src", "Hyperspan.Tool");
                if (File.Exists(Path.Combine(project, "Hyperspan.Tool.csproj")))
                {
                    return BuiltIn(Path.Combine(project, "bin", configuration, framework));
                }
            }

            return null;
        }
    }

    private protected override (string Program, IEnumerable<string> Arguments) Command
    {
        get
        {
            List<string> arguments = [Assembly!, "serve", "block", "--socket", SocketPath, "--image", ImagePath];
            if (Options.ReadOnly)
            {
                arguments.Add("--read-only");
            }

            Add(arguments, "--queues", Options.Queues.ToString(CultureInfo.InvariantCulture));
            Add(arguments, "--id", Options.Id);
            Add(arguments, "--features", Hexadecimal(Options.Features));
            Add(arguments, "--protocol-features", Hexadecimal(Options.ProtocolFeatures));
            return ("dotnet", arguments);
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

    // Only a program has a runtime configuration; its libraries have none.
    private static string BuiltIn(string folder)
    {
        const string Configuration = ".runtimeconfig.json";
        string? found = Directory.Exists(folder) ? Directory.GetFiles(folder, "*" + Configuration).SingleOrDefault() : null;
        return found is null
            ? throw new FileNotFoundException($"the command is not built: {folder}")
            : found[..^Configuration.Length] + ".dll";
    }
}
