using System.Diagnostics.CodeAnalysis;
using Hyperspan.Streaming;

namespace Hyperspan.Devices;

/// <content>Accesses.</content>
public sealed partial class DeviceAddressSpace
{
    private const int LargestDeviceAccess = 8;

    /// <summary>Reads bytes.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="destination">Receives the bytes: all of them, or an unspecified part of them where the read fails.</param>
    /// <exception cref="GuestMemoryException">Not all of them could be read.</exception>
    public void Read(GuestAddress address, Span<byte> destination)
    {
        if (!TryRead(address, destination, out GuestMemoryFault fault))
        {
            throw fault.ToException();
        }
    }

    /// <summary>Reads bytes and says why where it cannot. Never throws; allocates nothing of its own.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="destination">Receives the bytes.</param>
    /// <param name="fault">
    /// Why not all of them could be read: nobody answers (<see cref="GuestMemoryFaultKind.OutOfRange"/>), memory failed, or a handler threw
    /// (<see cref="GuestMemoryFaultKind.Other"/>, with the exception). Addresses are those of this address space.
    /// </param>
    /// <returns>Whether all of them were read.</returns>
    public bool TryRead(GuestAddress address, Span<byte> destination, out GuestMemoryFault fault)
    {
        AddressMap map = Volatile.Read(ref _map);
        var access = new DeviceAccess(this, GuestMemoryOperation.Read, address.Value, destination.Length);
        int done = 0;
        while (done < destination.Length)
        {
            if (access.IsPastLast(done) || !map.TryRouteRead(access.At(done), destination.Length - done, out AddressRoute route))
            {
                fault = access.Unclaimed(done);
                return false;
            }

            done += route.Length;
        }

        for (done = 0; done < destination.Length;)
        {
            map.TryRouteRead(access.At(done), destination.Length - done, out AddressRoute route);
            if (!access.TryRead(route, done, destination.Slice(done, route.Length), out fault))
            {
                return false;
            }

            done += route.Length;
        }

        fault = default;
        return true;
    }

    /// <summary>Writes bytes.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="source">The bytes. They must not change meanwhile.</param>
    /// <exception cref="GuestMemoryException">Not all of them could be written.</exception>
    public void Write(GuestAddress address, ReadOnlySpan<byte> source)
    {
        if (!TryWrite(address, source, out GuestMemoryFault fault))
        {
            throw fault.ToException();
        }
    }

    /// <summary>Writes bytes and says why where it cannot. Never throws; allocates nothing of its own.</summary>
    /// <param name="address">The guest-physical address of the first byte.</param>
    /// <param name="source">The bytes. They must not change meanwhile.</param>
    /// <param name="fault">
    /// Why not all of them could be written: nobody answers (<see cref="GuestMemoryFaultKind.OutOfRange"/>), memory failed, or a handler or a doorbell threw
    /// (<see cref="GuestMemoryFaultKind.Other"/>, with the exception). Addresses are those of this address space.
    /// </param>
    /// <returns>Whether all of them were written.</returns>
    public bool TryWrite(GuestAddress address, ReadOnlySpan<byte> source, out GuestMemoryFault fault)
    {
        AddressMap map = Volatile.Read(ref _map);
        var access = new DeviceAccess(this, GuestMemoryOperation.Write, address.Value, source.Length);
        int done = 0;
        while (done < source.Length)
        {
            if (access.IsPastLast(done) || !map.TryRouteWrite(access.At(done), source[done..], out AddressRoute route))
            {
                fault = access.Unclaimed(done);
                return false;
            }

            done += route.Length;
        }

        for (done = 0; done < source.Length;)
        {
            // Found again, unless the source has changed and a doorbell no longer matches.
            if (!map.TryRouteWrite(access.At(done), source[done..], out AddressRoute route))
            {
                fault = access.Unclaimed(done);
                return false;
            }

            if (!access.TryWrite(route, done, source.Slice(done, route.Length), out fault))
            {
                return false;
            }

            done += route.Length;
        }

        fault = default;
        return true;
    }

    /// <summary>Reads a value, in the byte order of the host.</summary>
    /// <typeparam name="T">See <see cref="GuestMemory.Read{T}(GuestAddress)"/>.</typeparam>
    /// <param name="address">The guest-physical address.</param>
    /// <returns>The value.</returns>
    /// <exception cref="GuestMemoryException">It could not be read.</exception>
    /// <exception cref="NotSupportedException">The type is refused; the message names the field.</exception>
    public T Read<T>(GuestAddress address)
        where T : unmanaged
    {
        T value = default;
        Read(address, StreamingSteps.Bytes(ref value));
        return value;
    }

    /// <summary>
    /// Reads a value, in the byte order of the host, and says why where it cannot; see <see cref="TryRead(GuestAddress, Span{byte}, out GuestMemoryFault)"/>.
    /// </summary>
    /// <typeparam name="T">See <see cref="GuestMemory.Read{T}(GuestAddress)"/>.</typeparam>
    /// <param name="address">The guest-physical address.</param>
    /// <param name="value">The value, or the default where it could not be read.</param>
    /// <param name="fault">Why it could not be read.</param>
    /// <returns>Whether it was read.</returns>
    /// <exception cref="NotSupportedException">The type is refused; the message names the field.</exception>
    public bool TryRead<T>(GuestAddress address, out T value, out GuestMemoryFault fault)
        where T : unmanaged
    {
        value = default;
        if (TryRead(address, StreamingSteps.Bytes(ref value), out fault))
        {
            return true;
        }

        value = default;
        return false;
    }

    /// <summary>
    /// Writes a value, in the byte order of the host, and says why where it cannot; see <see cref="TryWrite(GuestAddress, ReadOnlySpan{byte}, out GuestMemoryFault)"/>.
    /// </summary>
    /// <typeparam name="T">See <see cref="GuestMemory.Read{T}(GuestAddress)"/>.</typeparam>
    /// <param name="address">The guest-physical address.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why it could not be written.</param>
    /// <returns>Whether it was written.</returns>
    /// <exception cref="NotSupportedException">The type is refused; the message names the field.</exception>
    public bool TryWrite<T>(GuestAddress address, T value, out GuestMemoryFault fault)
        where T : unmanaged => TryWrite(address, StreamingSteps.Bytes(ref value), out fault);

    /// <summary>Writes a value, in the byte order of the host.</summary>
    /// <typeparam name="T">See <see cref="GuestMemory.Read{T}(GuestAddress)"/>.</typeparam>
    /// <param name="address">The guest-physical address.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="GuestMemoryException">It could not be written.</exception>
    /// <exception cref="NotSupportedException">The type is refused; the message names the field.</exception>
    public void Write<T>(GuestAddress address, T value)
        where T : unmanaged => Write(address, StreamingSteps.Bytes(ref value));

    /// <summary>One access and the pieces of it.</summary>
    private readonly struct DeviceAccess(DeviceAddressSpace space, GuestMemoryOperation operation, ulong address, int length)
    {
        internal ulong At(int done) => unchecked(address + (ulong)done);

        /// <summary>Whether the next byte would be at 2^64.</summary>
        internal bool IsPastLast(int done) => At(done) < address;

        internal GuestMemoryFault Unclaimed(int done) => new(
            space.Name, operation, GuestMemoryFaultKind.OutOfRange, FaultCause.Check, IsPastLast(done) ? null : At(done), (address, (ulong)length));

        [SuppressMessage("Design", "CA1031", Justification = "Whatever a handler throws becomes the cause of the fault.")]
        internal bool TryRead(in AddressRoute route, int done, Span<byte> destination, out GuestMemoryFault fault)
        {
            if (route.Memory is { } memory)
            {
                return memory.TryRead(At(done), destination, out fault) || Refused(memory, done, ref fault);
            }

            HandlerTarget handler = route.Handler!;
            try
            {
                using var nested = NestedCall.Begin();

                // The destination may be memory that others change, the handler's own value is not.
                Span<byte> value = stackalloc byte[LargestDeviceAccess];
                value = value[..destination.Length];
                value.Clear();
                handler.Handler.Read(At(done) - handler.Range.Start, value);
                value.CopyTo(destination);
                fault = default;
                return true;
            }
            catch (Exception e)
            {
                fault = Thrown(done, handler.Name, e);
                return false;
            }
        }

        [SuppressMessage("Design", "CA1031", Justification = "Whatever a handler throws becomes the cause of the fault.")]
        internal bool TryWrite(in AddressRoute route, int done, ReadOnlySpan<byte> source, out GuestMemoryFault fault)
        {
            if (route.Memory is { } memory)
            {
                return memory.TryWrite(At(done), source, out fault) || Refused(memory, done, ref fault);
            }

            try
            {
                using var nested = NestedCall.Begin();
                if (route.Doorbell is { } doorbell)
                {
                    doorbell.Event.Signal();
                }
                else
                {
                    Span<byte> value = stackalloc byte[LargestDeviceAccess];
                    source.CopyTo(value);
                    HandlerTarget handler = route.Handler!;
                    handler.Handler.Write(At(done) - handler.Range.Start, value[..source.Length]);
                }

                fault = default;
                return true;
            }
            catch (Exception e)
            {
                fault = Thrown(done, route.Handler?.Name ?? "doorbell", e);
                return false;
            }
        }

        private GuestMemoryFault Thrown(int done, string name, Exception exception) =>
            new(space.Name, operation, GuestMemoryFaultKind.Other, FaultCause.Exception, At(done), (address, (ulong)length), name, exception);

        /// <summary>The fault of memory, in addresses of the space. Always false.</summary>
        private bool Refused(MemoryTarget memory, int done, ref GuestMemoryFault fault)
        {
            ulong at = fault.Address is { } failed ? memory.TranslateBack(failed) : At(done);
            fault = new GuestMemoryFault(
                space.Name, operation, fault.Kind, fault.Cause, at, (address, (ulong)length), fault.BackingName ?? memory.Name, fault.Exception);
            return false;
        }
    }
}
