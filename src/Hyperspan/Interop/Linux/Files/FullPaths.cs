namespace Hyperspan.Interop.Linux;

/// <summary>Full paths, where the current directory may have been deleted: a path that is one already needs none, and of another it is said.</summary>
internal static class FullPaths
{
    /// <summary>Makes a path a full one.</summary>
    /// <exception cref="DirectoryNotFoundException">The path is a relative one, and there is no current directory any more.</exception>
    internal static string Of(string path)
    {
        try
        {
            return Path.GetFullPath(path);
        }
        catch (FileNotFoundException e)
        {
            throw new DirectoryNotFoundException($"{path}: the current directory, where it would be, is not there any more", e);
        }
    }

    /// <summary>Shortens a path to one from the current directory, if that is there.</summary>
    internal static string Shorten(string path)
    {
        try
        {
            return Path.GetRelativePath(Environment.CurrentDirectory, path);
        }
        catch (FileNotFoundException)
        {
            return path;
        }
    }
}
