namespace Hyperspan.Devices;

/// <summary>A ROM that can be shown to the guest at one or more places.</summary>
/// <remarks>Implemented by a partition. May be called from any thread.</remarks>
public interface IRomMapper
{
    /// <summary>Gets the length of the ROM in bytes.</summary>
    ulong Length { get; }

    /// <summary>
    /// Shows a part of the ROM to the guest. Reads of the guest find its bytes; writes change nothing in it and go to the handler of memory-mapped I/O at the address.
    /// </summary>
    /// <param name="address">The guest-physical address of the first byte. A partition on a hypervisor wants a multiple of 4096.</param>
    /// <param name="offset">The first byte to show, in bytes from the start of the ROM.</param>
    /// <param name="length">The number of bytes to show, not zero.</param>
    /// <returns>The mapping; disposing it, from any thread and any number of times, takes the part out of the guest's sight.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The part is empty or not in the ROM.</exception>
    /// <exception cref="ArgumentException">The part would reach past the end of the address space, or one of the numbers is misaligned.</exception>
    /// <exception cref="InvalidOperationException">The part would overlap other memory; the message names it.</exception>
    IDisposable MapRom(GuestAddress address, ulong offset, ulong length);
}
