using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;

namespace Hyperspan.UserFaults;

/// <summary>What the machine code that keeps pages is given, and what it answers meanwhile. It lies in memory that is never protected.</summary>
/// <remarks>At 72 it makes the structures that system calls are given, of 32 bytes, and from 128 on it reads messages, 16 at once.</remarks>
[StructLayout(LayoutKind.Explicit, Size = 128 + (16 * UserFaultDescriptor.MessageLength))]
internal unsafe struct KeeperState
{
    /// <summary>The userfaultfd.</summary>
    [FieldOffset(0)]
    internal int Faults;

    [FieldOffset(4)]
    internal int MemoryFile;

    [FieldOffset(8)]
    internal int SpillFile;

    /// <summary>Not zero once everything is protected: the moment as of which it is kept.</summary>
    [FieldOffset(12)]
    internal int IsArmed;

    /// <summary>Not zero once something failed, and before the protection goes: an error number.</summary>
    [FieldOffset(16)]
    internal int Error;

    /// <summary>What was tried last, which is what failed.</summary>
    [FieldOffset(20)]
    internal KeeperStep Step;

    [FieldOffset(24)]
    internal KeptRange* Ranges;

    [FieldOffset(32)]
    internal ulong RangeCount;

    /// <summary>How many slots of 4 KiB are taken.</summary>
    [FieldOffset(40)]
    internal ulong NextSlot;

    /// <summary>How many of them are in memory; the others are in the spill file, each at its number times 4 KiB.</summary>
    [FieldOffset(48)]
    internal ulong MemorySlots;

    [FieldOffset(56)]
    internal PollEntry FaultsPoll;

    /// <summary>What becomes readable when it is to end.</summary>
    [FieldOffset(64)]
    internal PollEntry EndPoll;

    /// <summary>How many ranges are registered, from the first on.</summary>
    [FieldOffset(104)]
    internal ulong Registered;
}
