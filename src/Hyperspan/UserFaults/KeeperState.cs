using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;

namespace Hyperspan.UserFaults;

/// <summary>What the machine code that keeps pages is given, and what it answers meanwhile. It lies in memory that is never protected.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct KeeperState
{
    internal const int MessagesLength = 16 * UserFaultDescriptor.MessageLength;

    /// <summary>The userfaultfd.</summary>
    internal int Faults;
    internal int MemoryFile;
    internal int SpillFile;

    /// <summary>Not zero once everything is protected: the moment as of which it is kept.</summary>
    internal int IsArmed;

    /// <summary>Not zero once something failed, and before the protection goes: an error number.</summary>
    internal int Error;

    /// <summary>What was tried last, which is what failed.</summary>
    internal KeeperStep Step;
    internal KeptRange* Ranges;
    internal ulong RangeCount;

    /// <summary>How many slots of 4 KiB are taken.</summary>
    internal ulong NextSlot;

    /// <summary>How many of them are in memory; the others are in the spill file, each at its number times 4 KiB.</summary>
    internal ulong MemorySlots;
    internal PollEntry FaultsPoll;

    /// <summary>What becomes readable when it is to end.</summary>
    internal PollEntry EndPoll;

    // Where it makes the structures that system calls are given, and reads messages.
    internal fixed ulong Request[4];

    /// <summary>How many ranges are registered, from the first on.</summary>
    internal ulong Registered;
    internal ulong Unused0;
    internal ulong Unused1;
    internal fixed byte Messages[MessagesLength];
}
