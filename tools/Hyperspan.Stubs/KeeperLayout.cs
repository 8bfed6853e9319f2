namespace Hyperspan.Stubs;

/// <summary>What <c>keep_pages</c> knows of the structures that it is given, <c>KeeperState</c> and <c>KeptRange</c>: offsets of their fields. Tests compare.</summary>
internal static class KeeperLayout
{
    internal const int FaultsOffset = 0;
    internal const int MemoryFileOffset = 4;
    internal const int SpillFileOffset = 8;
    internal const int IsArmedOffset = 12;
    internal const int ErrorOffset = 16;
    internal const int FailedStepOffset = 20;
    internal const int RangesOffset = 24;
    internal const int RangeCountOffset = 32;
    internal const int NextSlotOffset = 40;
    internal const int MemorySlotsOffset = 48;

    /// <summary>Two <c>struct pollfd</c>: the userfaultfd, and what asks for the end.</summary>
    internal const int PollOffset = 56;

    /// <summary>What system calls are given: <c>struct uffdio_writeprotect</c>, <c>struct uffdio_zeropage</c>.</summary>
    internal const int RequestOffset = 72;

    /// <summary>How many ranges are registered, from the first on.</summary>
    internal const int RegisteredOffset = 104;

    /// <summary>What is read of the userfaultfd.</summary>
    internal const int MessagesOffset = 128;

    /// <summary>A range begins with a <c>struct uffdio_register</c>.</summary>
    internal const int RangeStartOffset = 0;
    internal const int RangeLengthOffset = 8;
    internal const int RangeShiftOffset = 32;
    internal const int RangePagesOffset = 40;
    internal const int RangeSize = 48;

    internal const int StepArm = 1;
    internal const int StepServe = 2;
    internal const int StepKeep = 3;
    internal const int StepLift = 4;
}
