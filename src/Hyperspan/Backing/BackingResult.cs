using System.Globalization;

namespace Hyperspan;

/// <summary>The outcome of a backing's fallback, pin or expose method: success, or the offset and kind of what failed.</summary>
/// <remarks>The default value is success. Returning a failure neither throws nor allocates.</remarks>
public readonly struct BackingResult
{
    private BackingResult(GuestMemoryFaultKind kind, ulong offset, Exception? exception)
    {
        IsFailure = true;
        Kind = kind == GuestMemoryFaultKind.None ? GuestMemoryFaultKind.Other : kind;
        Offset = offset;
        Exception = exception;
    }

    /// <summary>Gets the result of a call that did all it was asked for.</summary>
    public static BackingResult Success => default;

    /// <summary>Gets a value indicating whether the call failed.</summary>
    public bool IsFailure { get; }

    /// <summary>Gets the kind of failure.</summary>
    public GuestMemoryFaultKind Kind { get; }

    /// <summary>Gets the lowest offset that could not be accessed, in bytes from the start of the backing.</summary>
    public ulong Offset { get; }

    /// <summary>Gets the cause, if there is one to keep.</summary>
    public Exception? Exception { get; }

    /// <summary>Returns a failure.</summary>
    /// <param name="kind">The kind that the fault gets.</param>
    /// <param name="offset">The lowest address that could not be accessed, in bytes from the start of the backing.</param>
    /// <param name="exception">The cause, kept in the fault; it is not thrown.</param>
    /// <returns>The failure.</returns>
    public static BackingResult Fail(GuestMemoryFaultKind kind, ulong offset, Exception? exception = null) =>
        new(kind, offset, exception);

    /// <summary>Says what happened: <c>success</c>, or kind and offset of the failure.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => IsFailure ? string.Create(CultureInfo.InvariantCulture, $"{Kind} at 0x{Offset:x}") : "success";
}
