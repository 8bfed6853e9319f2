using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Tool.Demo;

/// <summary>Memory in a file that anybody who has it may truncate: what a careless or hostile front end shares.</summary>
internal sealed class UnsealedMemoryFile : IDisposable
{
    internal UnsealedMemoryFile(string name, ulong length)
    {
        int descriptor = LibC.MemfdCreate(name, MemoryFileFlags.CloseOnExec);
        if (descriptor < 0)
        {
            throw new IOException($"memfd_create: {ErrorNumber.LastMessage}");
        }

        Handle = new SafeFileHandle(descriptor, ownsHandle: true);
        RandomAccess.SetLength(Handle, (long)length);
    }

    internal SafeFileHandle Handle { get; }

    /// <summary>Takes all of the memory away from everybody who has mapped it.</summary>
    internal void Truncate() => RandomAccess.SetLength(Handle, 0);

    public void Dispose() => Handle.Dispose();
}
