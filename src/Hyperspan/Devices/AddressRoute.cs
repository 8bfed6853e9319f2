namespace Hyperspan.Devices;

/// <summary>Where the first bytes of an access go: exactly one of the three is set.</summary>
internal readonly struct AddressRoute
{
    /// <summary>Gets the number of bytes that go there.</summary>
    internal int Length { get; init; }

    internal MemoryTarget? Memory { get; init; }

    internal HandlerTarget? Handler { get; init; }

    internal Doorbell? Doorbell { get; init; }
}
