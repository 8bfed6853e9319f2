using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace Hyperspan.Virtio;

/// <summary>A console of one port (virtio 1.2, section 5.3).</summary>
/// <remarks>
/// <para>
/// What the guest sends waits in a buffer of 64 KiB for <see cref="ReadAsync"/>, and what it is sent in one of 64 KiB for the guest; neither grows. While the first is full the
/// guest waits: its request stays in flight. Where its queue stops meanwhile, the rest of that request is dropped.
/// </para>
/// <para>Both buffers belong to the device: a front end that leaves, or a guest that is reset, leaves what is in them to the next.</para>
/// </remarks>
[SuppressMessage("Design", "CA1001", Justification = "Semaphores that give out no wait handle hold nothing of the system's.")]
[DebuggerDisplay("{_output.Count} bytes from the guest, {_input.Count} to it")]
public sealed class VirtioConsoleDevice : IVirtioDevice
{
    private const int Capacity = 1 << 16;
    private const int ReceiveQueue = 0;

    private readonly ByteRing _input = new(Capacity);
    private readonly ByteRing _output = new(Capacity);
    private readonly SemaphoreSlim _hasOutput = new(0);
    private readonly SemaphoreSlim _hasRoom = new(0);
    private readonly bool _hasSize;
    private uint _size;
    private ConsoleReceiveHandler? _receiver;
    private ConsoleTransmitHandler? _transmitter;

    /// <summary>Initializes a new instance of the <see cref="VirtioConsoleDevice"/> class whose size the guest is not told.</summary>
    public VirtioConsoleDevice()
    {
    }

    /// <summary>Initializes a new instance of the <see cref="VirtioConsoleDevice"/> class with a size.</summary>
    /// <param name="columns">How many characters a line has.</param>
    /// <param name="rows">How many lines there are.</param>
    public VirtioConsoleDevice(ushort columns, ushort rows)
    {
        _hasSize = true;
        SetSize(columns, rows);
    }

    /// <inheritdoc/>
    public VirtioDeviceType DeviceType => VirtioDeviceType.Console;

    /// <inheritdoc/>
    public ulong OfferedFeatures => VirtioFeatures.EveryQueue
        | VirtioFeatures.InOrder
        | VirtioConsoleFeatures.EmergencyWrite
        | (_hasSize ? VirtioConsoleFeatures.Size : 0);

    /// <inheritdoc/>
    public int QueueCount => 2;

    /// <inheritdoc/>
    public ushort MaxQueueSize => 1024;

    /// <inheritdoc/>
    public int ConfigLength => ConsoleConfig.Length;

    /// <summary>Gets a value indicating whether there is something for the guest.</summary>
    internal bool HasInput => _input.Count != 0;

    /// <summary>Gets how many bytes the guest may send now.</summary>
    internal int OutputRoom => _output.Room;

    /// <summary>Takes what the guest has sent; waits for it. For one caller at a time.</summary>
    /// <param name="destination">Receives bytes.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>How many there were: one at least, unless there is no room for any.</returns>
    /// <exception cref="OperationCanceledException">The wait was ended, and nothing was taken.</exception>
    public async ValueTask<int> ReadAsync(Memory<byte> destination, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            int count = _output.Take(destination.Span);
            if (count != 0 || destination.IsEmpty)
            {
                Volatile.Read(ref _transmitter)?.Continue();
                return count;
            }

            await _hasOutput.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Sends bytes to the guest; waits while it does not take them. For one caller at a time.</summary>
    /// <param name="source">The bytes.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The wait.</returns>
    /// <exception cref="OperationCanceledException">The wait was ended; some of the bytes may have been sent.</exception>
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
    {
        while (!source.IsEmpty)
        {
            int count = _input.Put(source.Span);
            source = source[count..];
            if (count != 0)
            {
                Volatile.Read(ref _receiver)?.Announce();
            }
            else
            {
                await _hasRoom.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>
    /// Changes the size, of a console that was made with one. The guest reads it when its transport is told that the configuration has changed (vhost-user:
    /// <c>NotifyConfigChanged</c>).
    /// </summary>
    /// <param name="columns">How many characters a line has.</param>
    /// <param name="rows">How many lines there are.</param>
    /// <exception cref="InvalidOperationException">The console was made without a size.</exception>
    public void SetSize(ushort columns, ushort rows)
    {
        if (!_hasSize)
        {
            throw new InvalidOperationException("the guest has been told that this console has no size");
        }

        // Both at once: the guest reads no size that never was.
        Volatile.Write(ref _size, columns | ((uint)rows << 16));
    }

    /// <inheritdoc/>
    public void ReadConfig(uint offset, Span<byte> destination)
    {
        uint size = Volatile.Read(ref _size);
        var config = new ConsoleConfig { Columns = (ushort)size, Rows = (ushort)(size >> 16), MostPorts = 1 };
        destination.Clear();
        if (offset < ConsoleConfig.Length)
        {
            ReadOnlySpan<byte> rest = MemoryMarshal.AsBytes(new ReadOnlySpan<ConsoleConfig>(in config))[(int)offset..];
            rest[..Math.Min(rest.Length, destination.Length)].CopyTo(destination);
        }
    }

    /// <inheritdoc/>
    /// <remarks>The one writable field is emerg_wr: its lowest byte is a character that the guest sends, lost where the buffer is full.</remarks>
    public bool TryWriteConfig(uint offset, ReadOnlySpan<byte> source)
    {
        if (offset != ConsoleConfig.EmergencyOffset || source.Length is < 1 or > sizeof(uint))
        {
            return false;
        }

        PutOutput(source[..1]);
        return true;
    }

    /// <inheritdoc/>
    public IVirtioQueueHandler CreateQueueHandler(int queueIndex, ulong acknowledgedFeatures)
    {
        if (queueIndex == ReceiveQueue)
        {
            var receiver = new ConsoleReceiveHandler(this);
            Volatile.Write(ref _receiver, receiver);
            return receiver;
        }

        var transmitter = new ConsoleTransmitHandler(this);
        Volatile.Write(ref _transmitter, transmitter);
        return transmitter;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    /// <summary>Looks at what the guest is to be sent.</summary>
    /// <returns>How many bytes there were.</returns>
    internal int PeekInput(Span<byte> destination) => _input.Peek(destination);

    /// <summary>The guest has so many bytes of it.</summary>
    internal void SkipInput(int count)
    {
        _input.Skip(count);
        Release(_hasRoom, count);
    }

    /// <summary>Puts what the guest sends where <see cref="ReadAsync"/> finds it.</summary>
    internal int PutOutput(ReadOnlySpan<byte> source)
    {
        int count = _output.Put(source);
        Release(_hasOutput, count);
        return count;
    }

    /// <summary>Forgets a handler that is gone.</summary>
    internal void Forget(RequestQueueHandler handler)
    {
        Interlocked.CompareExchange(ref _receiver, null, handler as ConsoleReceiveHandler);
        Interlocked.CompareExchange(ref _transmitter, null, handler as ConsoleTransmitHandler);
    }

    /// <summary>Wakes the one who waits, if any. Once too often does no harm: it looks and waits again.</summary>
    private static void Release(SemaphoreSlim semaphore, int count)
    {
        if (count != 0 && semaphore.CurrentCount == 0)
        {
            semaphore.Release();
        }
    }
}
