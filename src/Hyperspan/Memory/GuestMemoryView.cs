using System.Globalization;
using System.Runtime.CompilerServices;

namespace Hyperspan;

/// <summary>
/// A part of a <see cref="GuestMemory"/>, with offsets of its own that start at zero: a plain value, made without an allocation. Accesses cannot leave it.
/// </summary>
/// <remarks>
/// <para>
/// For a request, a ring or a table that is looked at and left: where a <see cref="GuestMemory.Slice(GuestAddress, ulong, bool)"/> is an object that can be
/// handed to whatever takes a
/// memory, and be closed by itself, this is a bound on offsets. It is open as long as its memory is. Each access does what the same access to the memory does:
/// faults, handlers, bitmaps,
/// alignment by the address in the memory.
/// </para>
/// <para>
/// Faults name addresses in the memory, not offsets. What reaches past the end of the view is <see cref="GuestMemoryFaultKind.OutOfRange"/>, also where there is
/// memory; nothing was accessed.
/// The default value is empty. Safe for use from any number of threads.
/// </para>
/// </remarks>
public readonly struct GuestMemoryView
{
    private readonly GuestMemory? _memory;
    private readonly ulong _start;
    private readonly ulong _length;

    internal GuestMemoryView(GuestMemory memory, ulong start, ulong length)
    {
        _memory = memory;
        _start = start;
        _length = length;
    }

    /// <summary>Gets the memory that this is a part of; <see cref="GuestMemory.Empty"/> in the default value.</summary>
    public GuestMemory Memory => _memory ?? GuestMemory.Empty;

    /// <summary>Gets the address in the memory of the first byte.</summary>
    public GuestAddress Start => new(_start);

    /// <summary>Gets the length in bytes.</summary>
    public ulong Length => _length;

    /// <summary>Makes a view of a part of this one.</summary>
    /// <param name="offset">The first byte.</param>
    /// <param name="length">The length in bytes.</param>
    /// <returns>The view.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The part does not lie in this view.</exception>
    public GuestMemoryView Slice(ulong offset, ulong length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, _length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, _length - offset);
        return new GuestMemoryView(Memory, _start + offset, length);
    }

    /// <summary>Reads a value; see <see cref="GuestMemory.Read{T}(GuestAddress)"/>.</summary>
    /// <typeparam name="T">See <see cref="GuestMemory.Read{T}(GuestAddress)"/>.</typeparam>
    /// <param name="offset">The offset of its first byte.</param>
    /// <returns>The value.</returns>
    /// <exception cref="GuestMemoryException">It does not lie in the view, or could not be read.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Read<T>(ulong offset)
        where T : unmanaged
    {
        if (!Holds(offset, (ulong)Unsafe.SizeOf<T>()))
        {
            ThrowOutside(GuestMemoryOperation.Read, offset, (ulong)Unsafe.SizeOf<T>());
        }

        return _memory!.Read<T>(_start + offset);
    }

    /// <summary>Reads a value; see <see cref="Read{T}(ulong)"/>. Neither throws nor allocates when memory cannot be read.</summary>
    /// <typeparam name="T">See <see cref="GuestMemory.Read{T}(GuestAddress)"/>.</typeparam>
    /// <param name="offset">The offset of its first byte.</param>
    /// <param name="value">The value, or the default where it could not be read.</param>
    /// <returns>Whether it was read.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryRead<T>(ulong offset, out T value)
        where T : unmanaged
    {
        if (Holds(offset, (ulong)Unsafe.SizeOf<T>()))
        {
            return _memory!.TryRead(_start + offset, out value);
        }

        value = default;
        return false;
    }

    /// <summary>Reads a value and says why where it cannot; see <see cref="Read{T}(ulong)"/>. Neither throws nor allocates when memory cannot be read.</summary>
    /// <typeparam name="T">See <see cref="GuestMemory.Read{T}(GuestAddress)"/>.</typeparam>
    /// <param name="offset">The offset of its first byte.</param>
    /// <param name="value">The value, or the default where it could not be read.</param>
    /// <param name="fault">Why it could not be read.</param>
    /// <returns>Whether it was read.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryRead<T>(ulong offset, out T value, out GuestMemoryFault fault)
        where T : unmanaged
    {
        if (Holds(offset, (ulong)Unsafe.SizeOf<T>()))
        {
            return _memory!.TryRead(_start + offset, out value, out fault);
        }

        value = default;
        return Outside(GuestMemoryOperation.Read, offset, (ulong)Unsafe.SizeOf<T>(), out fault);
    }

    /// <summary>Writes a value; see <see cref="GuestMemory.Write{T}(GuestAddress, T)"/>.</summary>
    /// <typeparam name="T">See <see cref="GuestMemory.Read{T}(GuestAddress)"/>.</typeparam>
    /// <param name="offset">The offset of its first byte.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="GuestMemoryException">It does not lie in the view, or could not be written.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Write<T>(ulong offset, T value)
        where T : unmanaged
    {
        if (!Holds(offset, (ulong)Unsafe.SizeOf<T>()))
        {
            ThrowOutside(GuestMemoryOperation.Write, offset, (ulong)Unsafe.SizeOf<T>());
        }

        _memory!.Write(_start + offset, value);
    }

    /// <summary>Writes a value; see <see cref="Write{T}(ulong, T)"/>. Neither throws nor allocates when memory cannot be written.</summary>
    /// <typeparam name="T">See <see cref="GuestMemory.Read{T}(GuestAddress)"/>.</typeparam>
    /// <param name="offset">The offset of its first byte.</param>
    /// <param name="value">The value.</param>
    /// <returns>Whether it was written.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryWrite<T>(ulong offset, T value)
        where T : unmanaged => Holds(offset, (ulong)Unsafe.SizeOf<T>()) && _memory!.TryWrite(_start + offset, value);

    /// <summary>Writes a value and says why where it cannot; see <see cref="Write{T}(ulong, T)"/>. Neither throws nor allocates when memory cannot be written.</summary>
    /// <typeparam name="T">See <see cref="GuestMemory.Read{T}(GuestAddress)"/>.</typeparam>
    /// <param name="offset">The offset of its first byte.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why it could not be written.</param>
    /// <returns>Whether it was written.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryWrite<T>(ulong offset, T value, out GuestMemoryFault fault)
        where T : unmanaged => Holds(offset, (ulong)Unsafe.SizeOf<T>())
            ? _memory!.TryWrite(_start + offset, value, out fault)
            : Outside(GuestMemoryOperation.Write, offset, (ulong)Unsafe.SizeOf<T>(), out fault);

    /// <summary>Reads bytes; see <see cref="GuestMemory.Read(GuestAddress, Span{byte})"/>.</summary>
    /// <param name="offset">The offset of the first byte.</param>
    /// <param name="destination">Receives the bytes.</param>
    /// <exception cref="GuestMemoryException">They do not all lie in the view, or could not all be read.</exception>
    public void Read(ulong offset, Span<byte> destination)
    {
        if (!TryRead(offset, destination, out GuestMemoryFault fault))
        {
            fault.ThrowIfFault();
        }
    }

    /// <summary>Reads bytes and says why where it cannot; see <see cref="Read(ulong, Span{byte})"/>. Neither throws nor allocates when memory cannot be read.</summary>
    /// <param name="offset">The offset of the first byte.</param>
    /// <param name="destination">Receives the bytes.</param>
    /// <param name="fault">Why they could not all be read.</param>
    /// <returns>Whether all of them were read.</returns>
    public bool TryRead(ulong offset, Span<byte> destination, out GuestMemoryFault fault) => destination.IsEmpty || Holds(offset, (uint)destination.Length)
        ? Memory.TryRead(_start + offset, destination, out fault)
        : Outside(GuestMemoryOperation.Read, offset, (uint)destination.Length, out fault);

    /// <summary>Writes bytes; see <see cref="GuestMemory.Write(GuestAddress, ReadOnlySpan{byte})"/>.</summary>
    /// <param name="offset">The offset of the first byte.</param>
    /// <param name="source">The bytes.</param>
    /// <exception cref="GuestMemoryException">They do not all lie in the view, or could not all be written.</exception>
    public void Write(ulong offset, ReadOnlySpan<byte> source)
    {
        if (!TryWrite(offset, source, out GuestMemoryFault fault))
        {
            fault.ThrowIfFault();
        }
    }

    /// <summary>
    /// Writes bytes and says why where it cannot; see <see cref="Write(ulong, ReadOnlySpan{byte})"/>. Neither throws nor allocates when memory cannot be written.
    /// </summary>
    /// <param name="offset">The offset of the first byte.</param>
    /// <param name="source">The bytes.</param>
    /// <param name="fault">Why they could not all be written.</param>
    /// <returns>Whether all of them were written.</returns>
    public bool TryWrite(ulong offset, ReadOnlySpan<byte> source, out GuestMemoryFault fault) => source.IsEmpty || Holds(offset, (uint)source.Length)
        ? Memory.TryWrite(_start + offset, source, out fault)
        : Outside(GuestMemoryOperation.Write, offset, (uint)source.Length, out fault);

    /// <summary>Returns memory, first and last address: <c>ram 0x1000-0x2000</c>.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Memory.Name} 0x{_start:x}-0x{(UInt128)_start + _length:x}");

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool Holds(ulong offset, ulong length) => length <= _length && offset <= _length - length;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool Outside(GuestMemoryOperation name, ulong offset, ulong length, out GuestMemoryFault fault)
    {
        // The first byte that is not in the view. An offset that wraps the address names none.
        GuestMemory memory = Memory;
        ulong at = Math.Max(offset, _length);
        bool named = at <= ulong.MaxValue - _start;
        fault = memory.IsDisposed
            ? new GuestMemoryFault(memory.Name, name, GuestMemoryFaultKind.Disposed, FaultCause.Check, _start, (unchecked(_start + offset), length))
            : new GuestMemoryFault(
                memory.Name, name, GuestMemoryFaultKind.OutOfRange, FaultCause.Check, named ? _start + at : null, (unchecked(_start + offset), length));
        return false;
    }

    private void ThrowOutside(GuestMemoryOperation name, ulong offset, ulong length)
    {
        Outside(name, offset, length, out GuestMemoryFault fault);
        fault.ThrowIfFault();
    }
}
