using Hyperspan.Synchronization;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Devices;

/// <summary>Both sides of a region that a device shows to the guest, over a sparse mapping.</summary>
internal sealed class MappedRegion : IMappableGuestMemory, IMappedMemoryRegion
{
    private readonly Lock _lock = new();
    private readonly DeviceAddressSpace _space;
    private readonly SparseBacking _mapping;
    private readonly GuestMemory _memory;
    private IDisposable? _registration;
    private bool _disposed;

    internal MappedRegion(DeviceAddressSpace space, ulong length, string name)
    {
        _space = space;
        _mapping = new SparseBacking(length, new SparseBackingOptions { Name = name });
        _memory = new GuestMemory(_mapping, name);
    }

    public ulong Length => _mapping.Length;

    public void MapToGuest(GuestAddress address, bool writable)
    {
        using (UninterruptedLock.Enter(_lock))
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_registration is not null)
            {
                throw new InvalidOperationException($"The memory '{_memory.Name}' is mapped to the guest already.");
            }

            _registration = _space.AddMemory(address, _memory, new GuestRange(0, Length), writable);
        }
    }

    public void UnmapFromGuest()
    {
        using (UninterruptedLock.Enter(_lock))
        {
            _registration?.Dispose();
            _registration = null;
        }
    }

    public void Map(ulong offset, SafeFileHandle file, ulong fileOffset, ulong length, bool writable) =>
        _mapping.MapFile(offset, file, fileOffset, length, writable);

    public void Unmap(ulong offset, ulong length) => _mapping.Unmap(offset, length);

    public void Dispose()
    {
        using (UninterruptedLock.Enter(_lock))
        {
            _disposed = true;
            _registration?.Dispose();
            _registration = null;
        }

        // Accesses under way end with a fault of kind Disposed. The mapping goes with the memory.
        _memory.Dispose();
    }
}
