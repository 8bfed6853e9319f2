namespace Hyperspan.Stubs;

/// <summary>
/// What the stubs know of userfaultfd(2), alike on both processors: under the names of the C headers, or named after structure and field. Tests compare.
/// </summary>
internal static class UserFaultAbi
{
    internal const int EINTR = 4;
    internal const int EIO = 5;
    internal const int EAGAIN = 11;
    internal const int EEXIST = 17;

    internal const uint UFFDIO_REGISTER = 0xC020AA00;
    internal const uint UFFDIO_UNREGISTER = 0x8010AA01;
    internal const uint UFFDIO_WAKE = 0x8010AA02;
    internal const uint UFFDIO_ZEROPAGE = 0xC020AA04;
    internal const uint UFFDIO_WRITEPROTECT = 0xC018AA06;
    internal const int UFFDIO_WRITEPROTECT_MODE_WP = 1;

    internal const int UFFD_EVENT_PAGEFAULT = 0x12;

    /// <summary>The number of the bit of <c>UFFD_PAGEFAULT_FLAG_WP</c>.</summary>
    internal const int PageFaultFlagWpBit = 1;

    /// <summary>Size of <c>struct uffd_msg</c>, whose first byte is the event.</summary>
    internal const int MessageSize = 32;
    internal const int MessageFlagsOffset = 8;
    internal const int MessageAddressOffset = 16;

    /// <summary>How many messages are read at once.</summary>
    internal const int MessagesAtOnce = 16;

    /// <summary>Offset of <c>struct pollfd.revents</c>.</summary>
    internal const int PollReturnedOffset = 6;
    internal const int PollSize = 8;

    /// <summary>Pages are kept in pieces of 4 KiB, whatever the size of a page.</summary>
    internal const int SlotShift = 12;
}
