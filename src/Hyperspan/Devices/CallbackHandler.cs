namespace Hyperspan.Devices;

/// <summary>A handler that calls a method for reads and one for writes.</summary>
internal sealed class CallbackHandler(Action<ulong, Span<byte>> read, Action<ulong, ReadOnlySpan<byte>> write) : IMmioHandler
{
    public void Read(ulong offset, Span<byte> data) => read(offset, data);

    public void Write(ulong offset, ReadOnlySpan<byte> data) => write(offset, data);
}
