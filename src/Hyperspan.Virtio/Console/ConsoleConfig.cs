using System.Runtime.InteropServices;

namespace Hyperspan.Virtio;

/// <summary>The configuration space, <c>struct virtio_console_config</c> (virtio 1.2, section 5.3.4).</summary>
[StructLayout(LayoutKind.Sequential, Size = Length)]
internal struct ConsoleConfig
{
    internal const int Length = 12;

    /// <summary>Where a driver that cannot use a queue writes one character. Reads as zero.</summary>
    internal const uint EmergencyOffset = 8;

    internal Le16 Columns;
    internal Le16 Rows;

    /// <summary>Of a device with several ports; this one has not.</summary>
    internal Le32 MostPorts;
}
