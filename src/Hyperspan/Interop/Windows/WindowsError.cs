using System.Globalization;

namespace Hyperspan.Interop.Windows;

/// <summary><c>ERROR_…</c>: what GetLastError answers (winerror.h).</summary>
internal static class WindowsError
{
    internal const int AccessDenied = 5;
    internal const int InvalidHandle = 6;
    internal const int GeneralFailure = 31;
    internal const int EndOfFile = 38;
    internal const int NotSupported = 50;
    internal const int InvalidParameter = 87;
    internal const int InvalidAddress = 487;
    internal const int NoAccess = 998;
    internal const int EmptyFile = 1006;

    /// <summary>WSAEFAULT (winsock2.h).</summary>
    internal const int SocketBadAddress = 10014;

    /// <summary>Gives an error as the exceptions of .NET carry it (HRESULT_FROM_WIN32).</summary>
    internal static int ToResult(int error) => error | unchecked((int)0x80070000);

    /// <summary>Gives the error that a result carries, or <see langword="null"/> where it is none of them.</summary>
    internal static int? FromResult(int result) => (uint)result >> 16 == 0x8007 ? result & 0xffff : null;

    /// <summary>Gives the C name, as people search for it.</summary>
    internal static string Name(int error) => error switch
    {
        AccessDenied => "ERROR_ACCESS_DENIED",
        InvalidHandle => "ERROR_INVALID_HANDLE",
        8 => "ERROR_NOT_ENOUGH_MEMORY",
        14 => "ERROR_OUTOFMEMORY",
        EndOfFile => "ERROR_HANDLE_EOF",
        NotSupported => "ERROR_NOT_SUPPORTED",
        InvalidParameter => "ERROR_INVALID_PARAMETER",
        InvalidAddress => "ERROR_INVALID_ADDRESS",
        EmptyFile => "ERROR_FILE_INVALID",
        1132 => "ERROR_MAPPED_ALIGNMENT",
        1455 => "ERROR_COMMITMENT_LIMIT",
        _ => string.Create(CultureInfo.InvariantCulture, $"error {error}"),
    };
}
