namespace Hyperspan.Interop.Windows;

/// <summary>WRITE_WATCH_FLAG_*.</summary>
[Flags]
internal enum WriteWatchOptions : uint
{
    None = 0,
    Reset = 1,
}
