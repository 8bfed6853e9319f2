namespace Hyperspan.EndToEnd.Harness;

/// <summary>The programs of this repository, as they were built beside the tests.</summary>
internal static class BuiltProgram
{
    private const string Configuration = ".runtimeconfig.json";

    /// <summary>Gets the assembly of a project that was built with the configuration of the tests, or null where the project is absent.</summary>
    /// <exception cref="FileNotFoundException">The project is there and has not been built.</exception>
    internal static string? Find(string project)
    {
        var output = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd('/'));
        for (DirectoryInfo? folder = output; folder is not null; folder = folder.Parent)
        {
            string path = Path.Combine(folder.FullName, project);
            if (File.Exists(Path.Combine(path, Path.GetFileName(project) + ".csproj")))
            {
                return BuiltIn(Path.Combine(path, "bin", output.Parent!.Name, output.Name));
            }
        }

        return null;
    }

    // Only a program has a runtime configuration; its libraries have none.
    private static string BuiltIn(string folder)
    {
        string? found = Directory.Exists(folder) ? Directory.GetFiles(folder, "*" + Configuration).SingleOrDefault() : null;
        return found is null
            ? throw new FileNotFoundException($"the program is not built: {folder}")
            : found[..^Configuration.Length] + ".dll";
    }
}
