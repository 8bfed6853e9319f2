namespace Hyperspan.Translation;

/// <summary>A guest-virtual address could not be translated or read.</summary>
public sealed class GuestTranslationException : Exception
{
    internal GuestTranslationException(in TranslationFault fault)
        : base("guest-virtual address " + fault)
    {
        Fault = fault;
    }

    /// <summary>Gets why.</summary>
    public TranslationFault Fault { get; }
}
