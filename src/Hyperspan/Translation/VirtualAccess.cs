namespace Hyperspan.Translation;

/// <summary>What an access needs to be permitted. A translation for <see cref="None"/> looks at no permission.</summary>
[Flags]
public enum VirtualAccess
{
    /// <summary>Nothing: only whether a page is there.</summary>
    None = 0,

    /// <summary>The page is read.</summary>
    Read = 1,

    /// <summary>The page is written.</summary>
    Write = 2,

    /// <summary>Code is fetched from the page.</summary>
    Execute = 4,

    /// <summary>It is done by a program of the guest, not by its kernel.</summary>
    User = 8,
}
