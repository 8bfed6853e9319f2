using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Snapshots;

/// <summary>
/// A file that is written beside its place and put there when it is complete and on the disk. Whenever the process or the machine ends, the place has what it had or all
/// of the new.
/// </summary>
internal sealed class ReplacedFile : IDisposable
{
    private const int BufferLength = 0;

    // Of 255 bytes that a name may have, what is added to that of the place takes 39.
    private const int LongestNameKept = 216;

    private readonly string _given;
    private readonly string _path;
    private readonly string _temporary;
    private bool _inPlace;

    private ReplacedFile(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);

        // What a link leads to is replaced, not the link.
        _given = Path.GetFullPath(path);
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
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.Read, BufferSize = BufferLength };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        try
        {
            Stream = new FileStream(_temporary, options);
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

    /// <summary>Makes a file beside a place, has it written, and puts it there. It is for its owner alone: guest memory holds secrets.</summary>
    /// <param name="path">The place.</param>
    /// <param name="write">Writes it.</param>
    /// <returns>What that returns.</returns>
    /// <exception cref="IOException">There is something at the place that is no regular file, or it could not be written: the place is named, not what is beside it.</exception>
    internal static async Task<T> WriteAsync<T>(string path, Func<ReplacedFile, Task<T>> write)
    {
        using var file = new ReplacedFile(path);
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
        Stream.Flush(flushToDisk: true);
        Stream.Dispose();
        File.Move(_temporary, _path, overwrite: true);
        _inPlace = true;
        FlushFolder(Path.GetDirectoryName(_path)!);
    }

    public void Dispose()
    {
        Stream.Dispose();
        if (!_inPlace)
        {
            File.Delete(_temporary);
        }
    }

    /// <summary>What an error that names the file says of the place; nothing for others.</summary>
    private Exception? OfPlace(Exception error)
    {
        if (!error.Message.Contains(_temporary, StringComparison.Ordinal))
        {
            return RegularFile.OfLength(error, _given);
        }

        string message = error.Message.Replace(_temporary, _given, StringComparison.Ordinal);
        return error switch
        {
            UnauthorizedAccessException => new UnauthorizedAccessException(message, error),
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
