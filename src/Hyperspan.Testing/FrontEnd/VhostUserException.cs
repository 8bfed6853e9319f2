using Hyperspan.VhostUser;

namespace Hyperspan.Testing;

/// <summary>A back end refused a message, closed the connection, or did not answer.</summary>
public sealed class VhostUserException : IOException
{
    internal VhostUserException(VhostUserMessage request, string reason)
        : base($"{MessageRule.NameOf(request)}: {reason}") => Request = request;

    /// <summary>Gets the message that failed.</summary>
    public VhostUserMessage Request { get; }
}
