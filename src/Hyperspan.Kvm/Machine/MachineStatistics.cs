namespace Hyperspan.Kvm;

/// <summary>What a machine has done so far.</summary>
/// <param name="Processors">Exits of each processor, in their order.</param>
/// <param name="DeviceRequests">Requests of each device behind virtio-mmio, in their order.</param>
public sealed record MachineStatistics(IReadOnlyList<ProcessorStatistics> Processors, IReadOnlyList<long> DeviceRequests);
