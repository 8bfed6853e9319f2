namespace Hyperspan.Kvm;

/// <summary>What a saved state consists of. The numbers are in files: they stay.</summary>
internal enum StateItem : uint
{
    // Of a processor.
    Activity = 1,
    Registers = 2,
    SpecialRegisters = 3,
    ExtendedState = 4,
    ExtendedControlRegisters = 5,
    DebugRegisters = 6,
    LocalApic = 7,
    ModelSpecificRegisters = 8,
    Events = 9,
    TimeStampFrequency = 10,
    Cpuid = 11,

    // Of a partition.
    InterruptControllers = 32,
    IntervalTimer = 33,
    Clock = 34,

    // Of a machine and its devices.
    Layout = 64,
    Serial = 65,
    SerialOutput = 66,
    SerialInput = 67,
    Transport = 68,
    Queues = 69,
    Configuration = 70,
}
