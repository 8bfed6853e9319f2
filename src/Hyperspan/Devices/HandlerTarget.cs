namespace Hyperspan.Devices;

/// <summary>A device handler at a place in a device address space.</summary>
internal sealed class HandlerTarget(string name, GuestRange range, IMmioHandler handler) : IAddressTarget
{
    public string Name => name;

    public GuestRange Range => range;

    internal IMmioHandler Handler => handler;
}
