using System.Runtime.CompilerServices;

namespace Hyperspan.VhostUser;

/// <summary>A message of the peer is wrong: the connection is closed, and this is the reason.</summary>
internal sealed class ProtocolViolation(string reason) : Exception(reason)
{
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
