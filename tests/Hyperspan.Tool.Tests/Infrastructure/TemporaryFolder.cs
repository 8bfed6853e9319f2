namespace Hyperspan.Tool.Tests.Infrastructure;

/// <summary>A folder of its own for a test, with a short name: sockets want one.</summary>
public sealed class TemporaryFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("hs-");

    public string PathOf(string name) => Path.Combine(_folder.FullName, name);

    public string CreateImage(string name, long length)
    {
        string path = PathOf(name);
        using FileStream file = File.Create(path);
        file.SetLength(length);
        return path;
    }

    public IEnumerable<string> Names() => _folder.EnumerateFileSystemInfos().Select(entry => entry.Name).Order(StringComparer.Ordinal);

    public void Dispose() => _folder.Delete(recursive: true);
}
