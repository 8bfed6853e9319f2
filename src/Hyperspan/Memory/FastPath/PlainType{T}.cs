using System.Runtime.CompilerServices;

namespace Hyperspan;

/// <summary>Decides once for a type whether its values may be exchanged with a guest: every byte belongs to a field, and every bit pattern is a value.</summary>
/// <remarks>
/// Padding would leak host bytes to the guest, a <see cref="bool"/> could hold an impossible value, a pointer makes no sense in the guest.
/// The answer is a static read-only field, so that optimized code has no check left.
/// Trimmed and ahead-of-time compiled programs may lack the field metadata of a nested struct; such a struct is taken at its word.
/// </remarks>
internal static class PlainType<T>
    where T : unmanaged
{
    internal static readonly string? Objection = PlainType.Check(typeof(T));

    internal static readonly bool IsPlain = Objection is null;

    /// <summary>Throws if values of the type must not be exchanged with a guest. No code at all for a plain type once optimized.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Demand()
    {
        if (!IsPlain)
        {
            PlainType.Throw(typeof(T), Objection!);
        }
    }
}
