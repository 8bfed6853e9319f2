namespace Hyperspan.Conventions.Tests;

/// <summary>The repository that the tests were built in.</summary>
internal static class Sources
{
    /// <summary>Gets its folder, or <see langword="null"/> where the tests run without one.</summary>
    internal static string? Root { get; } = Find();

    /// <summary>Lists the C# files that somebody wrote in a folder of it.</summary>
    internal static IEnumerable<string> Under(string folder) =>
        Directory.EnumerateFiles(Path.Combine(Root!, folder), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.EndsWith(".g.cs", StringComparison.Ordinal))
            .Where(file => !Path.GetRelativePath(Root!, file).Split('/', '\\').Any(part => part is "obj" or "bin"));

    private static string? Find()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Hyperspan.slnx")))
            {
                return folder.FullName;
            }
        }

        return null;
    }
}
