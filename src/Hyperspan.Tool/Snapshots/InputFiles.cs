using System.Runtime.InteropServices;

using Hyperspan.Dumps;
using Hyperspan.Interop.Linux;
using Hyperspan.Snapshots;

namespace Hyperspan.Tool.Snapshots;

/// <summary>Files that a user names: whatever is wrong with one is said in a sentence.</summary>
internal static class InputFiles
{
    /// <summary>Opens a snapshot with those it is a difference to.</summary>
    /// <exception cref="InvalidInputException">It cannot be used.</exception>
    internal static GuestMemorySnapshot OpenSnapshot(string path, IReadOnlyList<string>? earlier = null)
    {
        foreach (string other in earlier ?? [])
        {
            RequireName(other);
        }

        return Require(path, () => GuestMemorySnapshot.Open(path, earlier));
    }

    /// <summary>Opens a dump, or bare bytes.</summary>
    /// <exception cref="InvalidInputException">It cannot be used.</exception>
    internal static GuestMemoryDump OpenDump(string path) => Require(path, () => GuestMemoryDump.Open(path));

    /// <summary>Tells a snapshot by its first bytes.</summary>
    /// <exception cref="InvalidInputException">The file cannot be read.</exception>
    internal static bool IsSnapshot(string path)
    {
        RequireRegular(path);
        return Require(path, () => GuestMemorySnapshot.IsSnapshot(path));
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
        FileType? there = TypeOf(path);
        if (there is null)
        {
            throw new InvalidInputException($"{path}: there is no such file");
        }

        RequireRegular(path, there.Value);
    }

    /// <summary>Refuses a place where no file can be put.</summary>
    /// <exception cref="InvalidInputException">Something else is there.</exception>
    internal static void RequireWritable(string path)
    {
        RequireName(path);
        string folder = FolderOf(path);
        if (TypeOf(folder) is not { } above)
        {
            throw new InvalidInputException($"{path}: the folder {folder} does not exist");
        }

        if (above != FileType.Directory)
        {
            throw new InvalidInputException($"{path}: {folder} is no folder");
        }

        if (TypeOf(path) is { } there)
        {
            RequireRegular(path, there);
        }
    }

    /// <summary>Refuses a place in whose folder this process may make no files, or that cannot be looked at: found out before anything else is done.</summary>
    /// <exception cref="InvalidInputException">It is so.</exception>
    internal static void RequireNewFiles(string path)
    {
        RequireWritable(path);
        const int MayWriteAndSearch = 3;

        // What a link leads to is replaced, not the link.
        var file = new FileInfo(path);
        string folder = FolderOf(file.LinkTarget is null ? path : file.ResolveLinkTarget(returnFinalTarget: true)!.FullName);
        if (OperatingSystem.IsLinux() && LibC.Access(folder, MayWriteAndSearch) != 0)
        {
            throw new InvalidInputException($"{path}: no file can be made in {folder}: {ErrorNumber.LastMessage}");
        }
    }

    /// <summary>Refuses a place where no folder can be.</summary>
    /// <exception cref="InvalidInputException">It cannot be looked at, or its name is empty.</exception>
    /// <exception cref="IOException">Something else is there.</exception>
    internal static void RequireFolder(string path)
    {
        if (path.Length == 0)
        {
            throw new InvalidInputException("the name of the folder is empty");
        }

        if (TypeOf(path) is { } there and not FileType.Directory)
        {
            throw new IOException($"{path}: is no folder");
        }
    }

    private static void RequireName(string path)
    {
        if (path.Length == 0)
        {
            throw new InvalidInputException("the name of a file is empty");
        }
    }

    private static string FolderOf(string path)
    {
        try
        {
            return Path.GetDirectoryName(FullPaths.Of(path)) ?? "/";
        }
        catch (DirectoryNotFoundException e)
        {
            throw new InvalidInputException(e.Message, e);
        }
    }

    private static void RequireRegular(string path, FileType there)
    {
        if (there == FileType.Directory)
        {
            throw new InvalidInputException($"{path}: is a directory");
        }

        if (there != FileType.Regular)
        {
            throw new InvalidInputException($"{path}: is no regular file");
        }
    }

    /// <summary>What a path leads to; nothing where nothing is.</summary>
    /// <exception cref="InvalidInputException">It cannot be looked at.</exception>
    private static FileType? TypeOf(string path)
    {
        RequireName(path);
        if (!OperatingSystem.IsLinux())
        {
            return Directory.Exists(path) ? FileType.Directory : File.Exists(path) ? FileType.Regular : null;
        }

        if (FileStatusCall.Of(path, followsLink: true) is { } status)
        {
            return status.Type;
        }

        int error = Marshal.GetLastPInvokeError();
        return error == ErrorNumber.NoEntry ? null : throw new InvalidInputException($"{path}: cannot be looked at: {Marshal.GetPInvokeErrorMessage(error)}");
    }

    /// <summary>Whether two paths lead to one file that is there.</summary>
    internal static bool IsSame(string path, string other) =>
        FileStatusCall.Of(path, followsLink: true) is { } one && FileStatusCall.Of(other, followsLink: true) is { } two && one.IsSameFile(in two);

    /// <summary>Turns what opening a file throws into a sentence. One that is damaged is no wrong input: that is a result.</summary>
    private static T Require<T>(string path, Func<T> open)
    {
        RequireName(path);
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
            throw new InvalidInputException(e.Message.Contains(path, StringComparison.Ordinal) ? e.Message : $"{path}: {e.Message}", e);
        }
    }
}
