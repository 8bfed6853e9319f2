using Hyperspan.Interop.Linux;

namespace Hyperspan.Tool.Output;

/// <summary>Files of a folder that come into being together: unless all can be written, what was there stays as it was, and nothing is left behind.</summary>
internal sealed class NewFiles : IDisposable
{
    private readonly string _folder;
    private readonly List<string> _made = [];
    private readonly List<(string Beside, string Path)> _files = [];
    private bool _inPlace;

    /// <summary>Makes the folder, with those it is in.</summary>
    /// <exception cref="IOException">It cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be made.</exception>
    internal NewFiles(string folder)
    {
        _folder = FullPaths.Of(folder);
        for (string? missing = Path.TrimEndingDirectorySeparator(_folder); missing is not null && !Directory.Exists(missing); missing = Path.GetDirectoryName(missing))
        {
            _made.Add(missing);
        }

        try
        {
            Directory.CreateDirectory(_folder);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Writes one beside its place.</summary>
    /// <exception cref="IOException">It cannot be written: the place is named.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    internal void Add(string name, string text)
    {
        string path = Path.Combine(_folder, name);
        string beside = Path.Combine(_folder, $".{name}.{Guid.NewGuid():n}.part");
        _files.Add((beside, path));
        try
        {
            File.WriteAllText(beside, text);
        }
        catch (IOException e)
        {
            throw new IOException(e.Message.Replace(beside, path, StringComparison.Ordinal), e);
        }
        catch (ArgumentOutOfRangeException e)
        {
            // What .NET makes of EFBIG.
            throw new IOException($"File too large : '{path}'", e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new UnauthorizedAccessException(e.Message.Replace(beside, path, StringComparison.Ordinal), e);
        }
    }

    /// <summary>Puts all in their places.</summary>
    /// <exception cref="IOException">Something else is at one of them.</exception>
    internal void Commit()
    {
        foreach ((_, string path) in _files)
        {
            if (Directory.Exists(path))
            {
                throw new IOException($"{path}: is a directory");
            }
        }

        foreach ((string beside, string path) in _files)
        {
            File.Move(beside, path, overwrite: true);
        }

        _inPlace = true;
    }

    public void Dispose()
    {
        if (_inPlace)
        {
            return;
        }

        foreach ((string beside, _) in _files)
        {
            File.Delete(beside);
        }

        foreach (string folder in _made.Where(Directory.Exists))
        {
            DeleteEmpty(folder);
        }
    }

    private static void DeleteEmpty(string folder)
    {
        try
        {
            Directory.Delete(folder);
        }
        catch (IOException)
        {
            // Somebody else has put something there.
        }
    }
}
