namespace Hyperspan.Translation;

/// <summary>A guest-virtual address could not be translated, read or written.</summary>
public sealed class GuestTranslationException : Exception
{
    internal GuestTranslationException(in TranslationFault fault)
        : base("guest-virtual address " + fault)
    {
        Fault = fault;
    }

    /// <summary>Gets why.</summary>
    public TranslationFault Fault { get; }

    /// <summary>Gets what is wrong.</summary>
    public TranslationFaultKind Kind => Fault.Kind;

    /// <summary>Gets the lowest guest-virtual address that is concerned.</summary>
    public ulong Address => Fault.VirtualAddress;
}
