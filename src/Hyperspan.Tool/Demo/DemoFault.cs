namespace Hyperspan.Tool.Demo;

/// <summary>What happened when memory was truncated under the device.</summary>
/// <param name="Device">The line of the device's log.</param>
/// <param name="DeviceKind">The kind of its fault.</param>
/// <param name="DeviceCause">The cause of its fault.</param>
/// <param name="Address">The guest-physical address that it could not access.</param>
/// <param name="Guest">What the guest's own access to it met.</param>
internal sealed record DemoFault(string Device, GuestMemoryFaultKind DeviceKind, FaultCause DeviceCause, GuestAddress? Address, string Guest);
