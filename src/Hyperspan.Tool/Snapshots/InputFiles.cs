using Hyperspan.Dumps;
using Hyperspan.Interop.Linux;
using Hyperspan.Snapshots;

namespace Hyperspan.Tool.Snapshots;

/// <summary>Files that a user names: whatever is wrong with one is said in a sentence.</summary>
internal static class InputFiles
{
    /// <summary>Opens a snapshot with those it is a difference to.</summary>
    /// <exception cref="InvalidInputException">It cannot be used.</exception>
    internal static Snapshot OpenSnapshot(string path, IReadOnlyList<string>? earlier = null) =>
        Require(path, () => Snapshot.Open(path, earlier));

    /// <summary>Opens a dump, or bare bytes.</summary>
    /// <exception cref="InvalidInputException">It cannot be used.</exception>
    internal static GuestMemoryDump OpenDump(string path) => Require(path, () => GuestMemoryDump.Open(path));

    /// <summary>Tells a snapshot by its first bytes.</summary>
    /// <exception cref="InvalidInputException">The file cannot be read.</exception>
    internal static bool IsSnapshot(string path)
    {
        RequireRegular(path);
        return Require(path, () => Snapshot.IsSnapshot(path));
    }

    /// <summary>Opens a memory file for reading.</summary>
    /// <exception cref="InvalidInputException">It cannot be used.</exception>
    internal static GuestMemory OpenMemory(string path)
    {
        RequireRegular(path);
        return Require(path, () =>
        {
            FileBacking file = new FileBacking(path);
            if (file.Length == 0)
            {
                file.Dispose();
                throw new InvalidInputException($"{path}: is empty");
            }

            return new GuestMemory(file, Path.GetFileName(path));
        });
    }

    /// <summary>Refuses what is no regular file. Nothing is opened: a pipe would wait.</summary>
    /// <exception cref="InvalidInputException">It is none.</exception>
    internal static void RequireRegular(string path)
    {
        if (path.Length == 0)
        {
            throw new InvalidInputException("the name of a file is empty");
        }

        if (Directory.Exists(path))
        {
            throw new InvalidInputException($"{path}: is a directory");
        }

        if (!File.Exists(path))
        {
            throw new InvalidInputException($"{path}: there is no such file");
        }

        if (FileStatusCall.Of(path, followsLink: true) is { Type: not FileType.Regular })
        {
            throw new InvalidInputException($"{path}: is no regular file");
        }
    }

    /// <summary>Refuses a place where no file can be put.</summary>
    /// <exception cref="InvalidInputException">Something else is there.</exception>
    internal static void RequireWritable(string path)
    {
        if (path.Length != 0 && !Directory.Exists(path) && !File.Exists(path))
        {
            string folder = Path.GetDirectoryName(Path.GetFullPath(path)) ?? "/";
            if (!Directory.Exists(folder))
            {
                throw new InvalidInputException($"{path}: the folder {folder} does not exist");
            }

            return;
        }

        RequireRegular(path);
    }

    /// <summary>Whether two paths lead to one file that is there.</summary>
    internal static bool IsSame(string path, string other) =>
        FileStatusCall.Of(path, followsLink: true) is { } one && FileStatusCall.Of(other, followsLink: true) is { } two && one.IsSameFile(in two);

    /// <summary>Turns what opening a file throws into a sentence. One that is damaged is no wrong input: that is a result.</summary>
    private static T Require<T>(string path, Func<T> open)
    {
        try
        {
            return open();
        }
        catch (InvalidSnapshotException e) when (e.IsDamaged)
        {
            throw;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            string message = e.Message.ReplaceLineEndings(" ");
            throw new InvalidInputException(message.Contains(path, StringComparison.Ordinal) ? message : $"{path}: {message}", e);
        }
    }
}
