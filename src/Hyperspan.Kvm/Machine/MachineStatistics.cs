namespace Hyperspan.Kvm;

/// <summary>What a machine has done so far.</summary>
public sealed record MachineStatistics
{
    /// <summary>Initializes a new instance of the <see cref="MachineStatistics"/> class.</summary>
    /// <param name="processors">Exits of each processor, in their order.</param>
    /// <param name="deviceRequests">Requests of each device behind virtio-mmio, in their order.</param>
    public MachineStatistics(IReadOnlyList<ProcessorStatistics> processors, IReadOnlyList<long> deviceRequests)
    {
        Processors = processors;
        DeviceRequests = deviceRequests;
    }

    /// <summary>Gets the exits of each processor, in their order.</summary>
    public IReadOnlyList<ProcessorStatistics> Processors { get; }

    /// <summary>Gets the requests of each device behind virtio-mmio, in their order.</summary>
    public IReadOnlyList<long> DeviceRequests { get; }
}
