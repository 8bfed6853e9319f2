namespace Hyperspan.Stubs;

/// <summary>
/// What the stubs know of the Windows x64 ABI, under the names that its headers (winnt.h, ntstatus.h) give it; offsets, which have no name there, are named after structure and
/// field.
/// </summary>
internal static class WindowsAbi
{
    internal const uint STATUS_GUARD_PAGE_VIOLATION = 0x8000_0001;
    internal const uint STATUS_ACCESS_VIOLATION = 0xC000_0005;
    internal const uint STATUS_IN_PAGE_ERROR = 0xC000_0006;

    internal const int EXCEPTION_CONTINUE_EXECUTION = -1;

    /// <summary>Offset of <c>EXCEPTION_POINTERS.ExceptionRecord</c>.</summary>
    internal const int PointersRecordOffset = 0;

    /// <summary>Offset of <c>EXCEPTION_POINTERS.ContextRecord</c>.</summary>
    internal const int PointersContextOffset = 8;

    /// <summary>Offset of <c>EXCEPTION_RECORD.ExceptionCode</c>.</summary>
    internal const int RecordCodeOffset = 0;

    /// <summary>Offset of <c>EXCEPTION_RECORD.ExceptionInformation[1]</c>: the address, of the three exceptions above.</summary>
    internal const int RecordAddressOffset = 0x28;

    /// <summary>Offset of <c>CONTEXT.Rcx</c>.</summary>
    internal const int ContextRcxOffset = 0x80;

    /// <summary>Offset of <c>CONTEXT.Rdx</c>.</summary>
    internal const int ContextRdxOffset = 0x88;

    /// <summary>Offset of <c>CONTEXT.Rip</c>.</summary>
    internal const int ContextRipOffset = 0xF8;
}
