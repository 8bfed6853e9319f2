namespace Hyperspan.Devices;

/// <summary>A device whose registers the guest accesses as memory: each access calls a method.</summary>
/// <remarks>
/// Called on the thread that makes the access (a virtual processor), from several at once. A call may come shortly after the registration was disposed,
/// from an access that was under way. An exception becomes a fault of the access. A device that accesses memory where the guest says may be led to its own registers: such an
/// access fails when the stack has been used up by others, with an <see cref="InsufficientExecutionStackException"/>.
/// </remarks>
public interface IMmioHandler
{
    /// <summary>Reads registers.</summary>
    /// <param name="offset">Where the first byte lies in the range that the handler was registered for.</param>
    /// <param name="data">Receives the bytes, little-endian as a value: 1 to 8 of them, all in the range, at any alignment. Filled with zeros before.</param>
    void Read(ulong offset, Span<byte> data);

    /// <summary>Writes registers.</summary>
    /// <param name="offset">Where the first byte lies in the range that the handler was registered for.</param>
    /// <param name="data">The bytes, little-endian as a value: 1 to 8 of them, all in the range, at any alignment. They do not change during the call.</param>
    void Write(ulong offset, ReadOnlySpan<byte> data);
}
