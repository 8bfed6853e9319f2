using Hyperspan.Synchronization;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Devices;

/// <summary>Both sides of a region that a device shows to the guest, over a sparse mapping. Where the guest sees memory, whoever makes it says.</summary>
internal sealed class MappedRegion : IMappableGuestMemory, IMappedMemoryRegion
{
    private readonly Lock _lock = new();
    private readonly Func<GuestAddress, GuestMemory, bool, IDisposable> _show;
    private readonly SparseBacking _mapping;
    private readonly GuestMemory _memory;
    private IDisposable? _registration;
    private bool _disposed;

    /// <summary>Initializes a new instance of the <see cref="MappedRegion"/> class.</summary>
    /// <param name="length">The length in bytes.</param>
    /// <param name="name">The name used in errors.</param>
    /// <param name="show">Shows all of a memory to the guest, at an address, writable or not, until what it returns is disposed.</param>
    /// <exception cref="ArgumentOutOfRangeException">The length is zero or no multiple of 4096.</exception>
    internal MappedRegion(ulong length, string name, Func<GuestAddress, GuestMemory, bool, IDisposable> show)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (length == 0 || length % GuestAddress.PageSize != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(length), length, "The length must be a multiple of 4096, and not zero.");
        }

        _show = show;
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

            _registration = _show(address, _memory, writable);
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
            _registration?.Dispose();
            _registration = null;
            _disposed = true;
        }

        // Accesses under way end with a fault of kind Disposed. The mapping goes with the memory.
        _memory.Dispose();
    }
}
