namespace Hyperspan.Kvm;

/// <summary>The ports by which a guest ends: ACPI's sleep control and reset registers.</summary>
internal static class PowerPorts
{
    internal const ushort SleepControl = 0x600;
    internal const ushort SleepStatus = 0x601;
    internal const ushort Reset = 0x602;
    internal const byte ResetValue = 1;

    /// <summary>The type of sleep that _S5 names.</summary>
    internal const byte SoftOff = 5;

    /// <summary>The line by which the power button is pressed.</summary>
    internal const uint ButtonLine = 9;

    /// <summary>Whether what was written to the sleep control register turns the machine off (ACPI 6.5, section 4.8.3.7).</summary>
    internal static bool IsPowerOff(byte value) => (value & 0x20) != 0 && (value >> 2 & 7) == SoftOff;
}
