using System.Runtime.InteropServices;

namespace Hyperspan.Interop.Linux;

/// <summary>The number of a descriptor, which is given to no other file before this is disposed.</summary>
internal readonly ref struct HeldDescriptor
{
    private readonly SafeHandle _handle;

    /// <summary>Initializes a new instance of the <see cref="HeldDescriptor"/> struct.</summary>
    /// <exception cref="ObjectDisposedException">The handle is closed.</exception>
    internal HeldDescriptor(SafeHandle handle)
    {
        bool added = false;
        handle.DangerousAddRef(ref added);
        _handle = handle;
        Number = (int)handle.DangerousGetHandle();
    }

    internal int Number { get; }

    public void Dispose() => _handle?.DangerousRelease();
}
