namespace Hyperspan;

/// <summary>Placeholder with the members that the backings use; the branch on addressing has the whole type.</summary>
public readonly record struct Protection(bool CanRead, bool CanWrite, bool CanExecute)
{
    /// <summary>No access.</summary>
    public static Protection None => default;

    /// <summary>Reading alone.</summary>
    public static Protection Read => new(CanRead: true, CanWrite: false, CanExecute: false);

    /// <summary>Reading and writing.</summary>
    public static Protection ReadWrite => new(CanRead: true, CanWrite: true, CanExecute: false);

    /// <inheritdoc/>
    public override string ToString() => $"{(CanRead ? 'r' : '-')}{(CanWrite ? 'w' : '-')}{(CanExecute ? 'x' : '-')}";
}
