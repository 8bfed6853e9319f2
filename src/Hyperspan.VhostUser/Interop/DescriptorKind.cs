namespace Hyperspan.VhostUser.Interop;

/// <summary>What a descriptor refers to, as far as the protocol cares.</summary>
internal enum DescriptorKind
{
    /// <summary>Neither of the others, or not to be told.</summary>
    Other,

    /// <summary>An eventfd(2).</summary>
    Event,

    /// <summary>An end of a pipe(2), which the specification permits in place of an eventfd.</summary>
    Pipe,

    /// <summary>A socket.</summary>
    Socket,
}
