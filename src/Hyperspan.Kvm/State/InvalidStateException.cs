namespace Hyperspan.Kvm;

/// <summary>A saved state is damaged, or is of another machine than it is to be restored into. The message is one sentence that says what of it.</summary>
public sealed class InvalidStateException : IOException
{
    internal InvalidStateException(string message)
        : base(message)
    {
    }
}
