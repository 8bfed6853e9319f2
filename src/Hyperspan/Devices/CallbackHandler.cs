namespace Hyperspan.Devices;

/// <summary>A handler that calls a method for reads and one for writes, with offsets from where it begins.</summary>
internal sealed class CallbackHandler(GuestAddress start, Action<ulong, Span<byte>> read, Action<ulong, ReadOnlySpan<byte>> write) : IMmioHandler
{
    public void Read(GuestAddress address, Span<byte> data) => read(address - start, data);

    public void Write(GuestAddress address, ReadOnlySpan<byte> data) => write(address - start, data);
}
