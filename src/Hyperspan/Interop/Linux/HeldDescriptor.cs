using System.Runtime.InteropServices;

namespace Hyperspan.Interop.Linux;

/// <summary>The number of a descriptor, which is given to no other file before this is disposed. The default holds none.</summary>
internal readonly ref struct HeldDescriptor
{
    private readonly SafeHandle? _handle;
    private readonly int _number;

    /// <summary>Initializes a new instance of the <see cref="HeldDescriptor"/> struct.</summary>
    /// <exception cref="ObjectDisposedException">The handle is closed.</exception>
    internal HeldDescriptor(SafeHandle handle)
    {
        bool added = false;
        handle.DangerousAddRef(ref added);
        _handle = handle;
        _number = (int)handle.DangerousGetHandle();
    }

    /// <summary>Gets the number; -1, which poll(2) passes over, where none is held.</summary>
    internal int Number => _handle is null ? -1 : _number;

    /// <summary>Holds a descriptor, if there is one.</summary>
    /// <exception cref="ObjectDisposedException">The handle is closed.</exception>
    internal static HeldDescriptor OrNone(SafeHandle? handle) => handle is null ? default : new HeldDescriptor(handle);

    public void Dispose() => _handle?.DangerousRelease();
}
