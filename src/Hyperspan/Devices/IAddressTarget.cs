namespace Hyperspan.Devices;

/// <summary>Something that takes up a range of a device address space.</summary>
internal interface IAddressTarget
{
    /// <summary>Gets the name used in errors.</summary>
    string Name { get; }

    GuestRange Range { get; }
}
