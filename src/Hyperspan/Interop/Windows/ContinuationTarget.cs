namespace Hyperspan.Interop.Windows;

/// <summary><c>PROCESS_DYNAMIC_EH_CONTINUATION_TARGET</c>: code where an exception handler may continue.</summary>
/// <param name="Address">The instruction.</param>
/// <param name="Flags">What is asked, and whether it was done.</param>
internal readonly record struct ContinuationTarget(nint Address, nuint Flags)
{
    internal const nuint Add = 1;
    internal const nuint Processed = 2;
}
