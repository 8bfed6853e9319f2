using Microsoft.Win32.SafeHandles;

namespace Hyperspan.VhostUser.Interop;

/// <summary>Descriptors that came with a message: what nobody takes is closed.</summary>
/// <param name="unclosed">Counts those that cannot be closed at once.</param>
internal sealed class Descriptors(UnclosedDescriptors unclosed) : IDisposable
{
    private readonly List<SafeFileHandle?> _handles = [];

    /// <summary>Gets how many came; also those taken since.</summary>
    internal int Count => _handles.Count;

    /// <summary>Gets or sets a value indicating whether there were even more, which the kernel has closed.</summary>
    internal bool AreTruncated { get; set; }

    /// <summary>Gets or sets a value indicating whether this process could not take all that came: it may have no more files open.</summary>
    internal bool AreRefused { get; set; }

    internal SafeFileHandle this[int index] => _handles[index]!;

    /// <summary>Gets what counts those that cannot be closed at once.</summary>
    internal UnclosedDescriptors Unclosed => unclosed;

    internal void Add(int descriptor) => _handles.Add(new SafeFileHandle(descriptor, ownsHandle: true));

    /// <summary>Hands one over: from now on the caller closes it.</summary>
    internal SafeFileHandle Take(int index)
    {
        SafeFileHandle handle = _handles[index]!;
        _handles[index] = null;
        return handle;
    }

    public void Dispose()
    {
        PeerDescriptor.Close(_handles.OfType<SafeFileHandle>(), unclosed);
        _handles.Clear();
    }
}
