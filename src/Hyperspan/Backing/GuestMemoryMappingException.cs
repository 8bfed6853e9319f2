using System.Globalization;
using System.Runtime.InteropServices;

namespace Hyperspan;

/// <summary>
/// The operating system refused to make or change a mapping. The message names the memory, the operation, the range and the error:
/// <c>'ram': cannot commit 0x1000-0x3000: ENOMEM (Cannot allocate memory)</c>.
/// </summary>
/// <remarks>Thrown while memory is set up or changed, never by an access to it: that fails with a <see cref="GuestMemoryFault"/>.</remarks>
public sealed class GuestMemoryMappingException : IOException
{
    internal GuestMemoryMappingException(
        string operation,
        int error,
        string? memoryName = null,
        (ulong Offset, ulong Length)? range = null,
        string? hint = null)
        : base(Text(operation, error, memoryName, range, hint))
    {
        Operation = operation;
        ErrorNumber = error;
        MemoryName = memoryName;
        Offset = range?.Offset;
        Length = range?.Length;
    }

    /// <summary>Gets what was tried, in words: <c>commit</c>.</summary>
    public string Operation { get; }

    /// <summary>Gets the name of the memory, where there was one already.</summary>
    public string? MemoryName { get; }

    /// <summary>Gets the first byte of the range, in bytes from the start of the memory, or <see langword="null"/> where no range was concerned.</summary>
    public ulong? Offset { get; }

    /// <summary>Gets the length of the range in bytes, or <see langword="null"/> where no range was concerned.</summary>
    public ulong? Length { get; }

    /// <summary>Gets the error number of the system call (errno(3); on Windows GetLastError), or zero where the refusal is our own: a file that is too short.</summary>
    public int ErrorNumber { get; }

    /// <summary>
    /// Gets the name of the error as the manual pages have it, <c>ENOMEM</c> (on Windows as its header has it, <c>ERROR_COMMITMENT_LIMIT</c>), or an empty string where
    /// <see cref="ErrorNumber"/> is zero.
    /// </summary>
    public string ErrorName => ErrorNumber == 0 ? "" : NameOf(ErrorNumber);

    private static string NameOf(int error) => OperatingSystem.IsWindows() ? Interop.Windows.WindowsError.Name(error) : Interop.Linux.ErrorNumber.Name(error);

    private static string Text(string operation, int error, string? memoryName, (ulong Offset, ulong Length)? range, string? hint)
    {
        string who = memoryName is null ? "" : $"'{memoryName}': ";
        string where = range is { } r
            ? string.Create(CultureInfo.InvariantCulture, $" 0x{r.Offset:x}-0x{unchecked(r.Offset + r.Length):x}")
            : "";
        string why = error == 0
            ? ""
            : $": {NameOf(error)} ({Marshal.GetPInvokeErrorMessage(error)})";
        string advice = hint is null ? "" : error == 0 ? $": {hint}" : $"; {hint}";
        return $"{who}cannot {operation}{where}{why}{advice}";
    }
}
