using System.Runtime.CompilerServices;

using Hyperspan.Interop.Linux;

namespace Hyperspan.VhostUser;

/// <summary>A message of the peer is wrong: the connection is closed, and this is the reason.</summary>
internal sealed class ProtocolViolation(string reason) : Exception(reason)
{
    /// <summary>Whether a file cannot be mapped because of what the peer sent, and not because this process or the system may have no more files open.</summary>
    internal static bool Explains(Exception exception) =>
        exception is ArgumentException or GuestMemoryMappingException { ErrorNumber: not (ErrorNumber.TooManyFiles or ErrorNumber.TooManyFilesOfSystem) };

    /// <summary>Ends the handling of a message unless it is as it must be.</summary>
    internal static void Unless(bool condition, string reason)
    {
        if (!condition)
        {
            throw new ProtocolViolation(reason);
        }
    }

    /// <summary>The same with a text that is built only where the condition does not hold.</summary>
    internal static void Unless(bool condition, [InterpolatedStringHandlerArgument(nameof(condition))] ref ReasonText reason)
    {
        if (!condition)
        {
            throw new ProtocolViolation(reason.ToStringAndClear());
        }
    }
}
