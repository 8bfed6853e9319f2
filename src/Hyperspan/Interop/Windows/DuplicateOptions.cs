namespace Hyperspan.Interop.Windows;

/// <summary><c>DUPLICATE_…</c> (DuplicateHandle).</summary>
[Flags]
internal enum DuplicateOptions : uint
{
    None = 0,
    SameAccess = 2,
}
