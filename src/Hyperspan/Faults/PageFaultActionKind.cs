namespace Hyperspan;

/// <summary>The three answers to a page fault. The default value fails.</summary>
internal enum PageFaultActionKind : byte
{
    Fail,
    Retry,
    Fallback,
}
