using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Snapshots;

/// <summary>
/// A file that is written on the file system of its place and put there when it is complete and on the disk. Whenever the process or the machine ends, the place has what it
/// had or all of the new. Until it is complete it has no name, and ends with the process; where a file system has no such files, it is beside its place under a name of its own.
/// </summary>
internal sealed class ReplacedFile : IDisposable
{
    private const int BufferLength = 0;

    // Of 255 bytes that a name may have, what is added to that of the place takes 39.
    private const int LongestNameKept = 216;

    private readonly string _given;
    private readonly string _path;
    private readonly string _temporary;
    private readonly bool _isDurable;
    private readonly bool _isUnnamed;
    private bool _isBeside;

    private ReplacedFile(string path, bool isDurable)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        _isDurable = isDurable;

        // What a link leads to is replaced, not the link.
        _given = FullPaths.Of(path);
        _path = _given;
        var info = new FileInfo(_path);
        if (info.LinkTarget is not null)
        {
            _path = info.ResolveLinkTarget(returnFinalTarget: true)!.FullName;
        }

        RegularFile.RequireReplaceable(_path);
        string folder = Path.GetDirectoryName(_path)!;
        string name = Path.GetFileName(_path);
        string kept = Encoding.UTF8.GetByteCount(name) <= LongestNameKept ? $"{name}." : "";
        _temporary = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $".{kept}{Guid.NewGuid():n}.part"));
        if (UnnamedFile.CanBeNamed(folder, _temporary) && UnnamedFile.TryCreate(folder) is { } unnamed)
        {
            _isUnnamed = true;
            Stream = unnamed;
            return;
        }

        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.Read, BufferSize = BufferLength };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        try
        {
            Stream = new FileStream(_temporary, options);
            _isBeside = true;
        }
        catch (Exception e)
        {
            if (OfPlace(e) is { } named)
            {
                throw named;
            }

            throw;
        }
    }

    /// <summary>Gets where the new content is written.</summary>
    internal FileStream Stream { get; }

    /// <summary>Gets the full path of the place.</summary>
    internal string FullPath => _path;

    /// <summary>Gets the bytes that can still be written; nothing where that is not known.</summary>
    internal ulong? Room
    {
        get
        {
            try
            {
                // Some file systems say nothing, which is zero of zero.
                var drive = new DriveInfo(Path.GetDirectoryName(_path)!);
                return drive.TotalSize > 0 ? (ulong)drive.AvailableFreeSpace : null;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
            {
                return null;
            }
        }
    }

    /// <summary>What is said where it cannot be written for what is to be in it.</summary>
    internal IOException Refused(string reason) => new($"{_given}: {reason}");

    /// <summary>Makes a file beside a place, has it written, and puts it there. It is for its owner alone: guest memory holds secrets.</summary>
    /// <param name="path">The place.</param>
    /// <param name="isDurable">Whether it is on the disk before it is there.</param>
    /// <param name="write">Writes it.</param>
    /// <returns>What that returns.</returns>
    /// <exception cref="IOException">There is something at the place that is no regular file, or it could not be written: the place is named, not what is beside it.</exception>
    internal static async Task<T> WriteAsync<T>(string path, bool isDurable, Func<ReplacedFile, Task<T>> write)
    {
        using var file = new ReplacedFile(path, isDurable);
        try
        {
            T result = await write(file);
            await Task.Run(file.Commit);
            return result;
        }
        catch (Exception e)
        {
            if (file.OfPlace(e) is { } named)
            {
                throw named;
            }

            throw;
        }
    }

    /// <summary>Puts the file in its place: flushed before, and its folder after.</summary>
    private void Commit()
    {
        Stream.Flush(_isDurable);
        if (!_isUnnamed || !TryName(_path))
        {
            if (_isUnnamed && !TryName(_temporary))
            {
                throw Failed(ErrorNumber.Exists);
            }

            Stream.Dispose();
            File.Move(_temporary, _path, overwrite: true);
            _isBeside = false;
        }

        if (_isDurable)
        {
            FlushFolder(Path.GetDirectoryName(_path)!);
        }
    }

    /// <summary>Gives the file a name, and has that on the disk as well: of a file without one some file systems (btrfs) keep nothing but the blocks.</summary>
    /// <returns>Whether nothing had that name.</returns>
    private bool TryName(string path)
    {
        int error = UnnamedFile.Name(Stream.SafeFileHandle, path);
        if (error == ErrorNumber.Exists)
        {
            return false;
        }

        if (error != ErrorNumber.None)
        {
            throw Failed(error);
        }

        _isBeside = !ReferenceEquals(path, _path);
        Stream.Flush(_isDurable);
        return true;
    }

    private IOException Failed(int error) => new($"{Marshal.GetPInvokeErrorMessage(error)} : '{_given}'");

    public void Dispose()
    {
        Stream.Dispose();
        if (_isBeside)
        {
            File.Delete(_temporary);
        }
    }

    /// <summary>What an error that names the file says of the place; nothing for others.</summary>
    private Exception? OfPlace(Exception error)
    {
        string written = _isUnnamed ? $"'{Stream.Name}'" : _temporary;
        if (!error.Message.Contains(written, StringComparison.Ordinal))
        {
            return RegularFile.OfLength(error, _given);
        }

        string message = error.Message.Replace(written, _isUnnamed ? $"'{_given}'" : _given, StringComparison.Ordinal);
        return error switch
        {
            UnauthorizedAccessException => new UnauthorizedAccessException(message, error),
            FileNotFoundException => new IOException($"{_given}: no file can be made in that folder", error),
            PathTooLongException => new PathTooLongException(message, error),
            IOException => new IOException(message, error) { HResult = error.HResult },
            _ => null,
        };
    }

    private static void FlushFolder(string folder)
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        int descriptor = LibC.Open(folder, OpenFlags.ReadOnly | OpenFlags.CloseOnExec);
        if (descriptor < 0)
        {
            throw new IOException($"{folder}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
        }

        using var handle = new SafeFileHandle(descriptor, ownsHandle: true);

        // Some file systems have nothing to flush there, and say EINVAL.
        if (LibC.Fsync(handle) != 0 && Marshal.GetLastPInvokeError() is not (ErrorNumber.InvalidArgument or ErrorNumber.NotSupported))
        {
            throw new IOException($"{folder}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
        }
    }
}
