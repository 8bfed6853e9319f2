using System.Globalization;
using System.Runtime.InteropServices;

namespace Hyperspan.Interop.Linux;

/// <summary>The error numbers that the calls in this folder return (errno(3)); generic numbering, the same on x86-64 and arm64.</summary>
internal static class ErrorNumber
{
    internal const int None = 0;
    internal const int NotPermitted = 1;
    internal const int NoEntry = 2;
    internal const int Interrupted = 4;
    internal const int InputOutput = 5;
    internal const int NoAddress = 6;
    internal const int TryAgain = 11;
    internal const int NoMemory = 12;
    internal const int AccessDenied = 13;
    internal const int BadAddress = 14;
    internal const int Busy = 16;
    internal const int Exists = 17;
    internal const int NoDevice = 19;
    internal const int IsDirectory = 21;
    internal const int InvalidArgument = 22;
    internal const int TooManyFilesOfSystem = 23;
    internal const int TooManyFiles = 24;
    internal const int NoSpace = 28;
    internal const int IllegalSeek = 29;
    internal const int BrokenPipe = 32;
    internal const int NotImplemented = 38;
    internal const int TimedOut = 62;
    internal const int NotSupported = 95;
    internal const int ConnectionReset = 104;

    /// <summary>Gets why the last call of this thread failed, in the words of libc.</summary>
    internal static string LastMessage => Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError());

    /// <summary>Whether the last call of this thread was interrupted by a signal before it did anything (signal(7)), and is to be made again.</summary>
    /// <param name="result">What it returned.</param>
    internal static bool IsInterrupted(nint result) => result < 0 && Marshal.GetLastPInvokeError() == Interrupted;

    /// <summary>Gives the C name, as people search for it: <c>ENOMEM</c>.</summary>
    internal static string Name(int error) => error switch
    {
        1 => "EPERM",
        2 => "ENOENT",
        4 => "EINTR",
        5 => "EIO",
        6 => "ENXIO",
        9 => "EBADF",
        11 => "EAGAIN",
        12 => "ENOMEM",
        13 => "EACCES",
        14 => "EFAULT",
        16 => "EBUSY",
        17 => "EEXIST",
        19 => "ENODEV",
        20 => "ENOTDIR",
        21 => "EISDIR",
        22 => "EINVAL",
        23 => "ENFILE",
        24 => "EMFILE",
        26 => "ETXTBSY",
        27 => "EFBIG",
        28 => "ENOSPC",
        29 => "ESPIPE",
        30 => "EROFS",
        32 => "EPIPE",
        38 => "ENOSYS",
        75 => "EOVERFLOW",
        95 => "EOPNOTSUPP",
        104 => "ECONNRESET",
        122 => "EDQUOT",
        133 => "EHWPOISON",
        _ => string.Create(CultureInfo.InvariantCulture, $"errno {error}"),
    };
}
