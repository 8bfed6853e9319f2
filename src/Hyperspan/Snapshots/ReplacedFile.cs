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

    private readonly string _path;
    private readonly string _temporary;
    private bool _inPlace;

    /// <summary>Makes the file beside the place. It is for its owner alone: guest memory holds secrets.</summary>
    /// <exception cref="IOException">There is something at the place that is no regular file.</exception>
    internal ReplacedFile(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);

        // What a link leads to is replaced, not the link.
        _path = Path.GetFullPath(path);
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

        Stream = new FileStream(_temporary, options);
    }

    /// <summary>Gets where the new content is written.</summary>
    internal FileStream Stream { get; }

    /// <summary>Gets the full path of the place.</summary>
    internal string FullPath => _path;

    /// <summary>Puts the file in its place: flushed before, and its folder after.</summary>
    internal void Commit()
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
