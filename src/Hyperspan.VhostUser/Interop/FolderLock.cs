using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.VhostUser.Interop;

/// <summary>
/// Keeps those apart who look what has a name in a folder and then take it away or make it anew: no call does both. The folder itself is locked (flock(2)), so nothing is left
/// behind, and a process that ends gives it up.
/// </summary>
internal sealed class FolderLock : IDisposable
{
    private const int PauseMilliseconds = 1;

    // Whoever has it for what it is meant for has it for less than a millisecond. It is advisory, and anybody who may read the folder can take it: that must not keep a server from
    // starting.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly SafeFileHandle? _folder;

    private FolderLock(SafeFileHandle? folder) => _folder = folder;

    /// <summary>Takes it. Where that cannot be, because the folder may not be read, its file system has no locks or somebody does not give it up, it is done without.</summary>
    /// <param name="path">The path of what is in the folder.</param>
    internal static FolderLock Take(string path)
    {
        // An abstract name lies in none.
        if (path[0] == '\0' || Path.GetDirectoryName(path) is not { } folder)
        {
            return new FolderLock(null);
        }

        int descriptor = LibC.Open(folder.Length == 0 ? "." : folder, OpenFlags.ReadOnly | OpenFlags.NonBlocking | OpenFlags.CloseOnExec);
        if (descriptor < 0)
        {
            return new FolderLock(null);
        }

        var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        long started = Environment.TickCount64;
        while (LibC.Flock(handle, LinuxConstants.LOCK_EX | LinuxConstants.LOCK_NB) != 0
            && Marshal.GetLastPInvokeError() is ErrorNumber.TryAgain or ErrorNumber.Interrupted
            && Environment.TickCount64 - started < (long)Patience.TotalMilliseconds)
        {
            Thread.Sleep(PauseMilliseconds);
        }

        return new FolderLock(handle);
    }

    /// <summary>Gives it up.</summary>
    public void Dispose() => _folder?.Dispose();
}
