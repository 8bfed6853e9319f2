using System.Runtime.InteropServices;
using Hyperspan.Interop.Linux;

namespace Hyperspan.TestHost.Storms;

/// <summary>userfaultfd(2) over a range: missing pages are served by this process, or answered by SIGBUS.</summary>
internal sealed unsafe partial class UserFault : IDisposable
{
    private const uint IoctlNew = 0xAA00;
    private const uint IoctlApi = 0xC018AA3F;
    private const uint IoctlRegister = 0xC020AA00;
    private const uint IoctlCopy = 0xC028AA03;
    private const ulong Api = 0xAA;
    private const ulong FeatureSigbus = 1 << 7;
    private const ulong RegisterMissing = 1;
    private const byte EventPageFault = 0x12;
    private const int FileExists = 17;
    private const int CloseOnExec = 0x80000;

    // Without it, poll does not wait.
    private const int NonBlocking = 0x800;

    private readonly int _descriptor;

    private UserFault(int descriptor) => _descriptor = descriptor;

    /// <summary>Watches a range, or says why this machine does not let us.</summary>
    public static UserFault? TryCreate(byte* start, ulong length, bool answerBySignal, out string reason)
    {
        int device = Open("/dev/userfaultfd", CloseOnExec | 2);
        if (device < 0)
        {
            reason = "/dev/userfaultfd: " + Marshal.GetLastPInvokeErrorMessage();
            return null;
        }

        int descriptor = Control(device, IoctlNew, (void*)(CloseOnExec | NonBlocking));
        _ = LibC.Close(device);
        ulong* api = stackalloc ulong[] { Api, answerBySignal ? FeatureSigbus : 0, 0 };
        ulong* register = stackalloc ulong[] { (ulong)start, length, RegisterMissing, 0 };
        if (descriptor < 0 || Control(descriptor, IoctlApi, api) != 0 || Control(descriptor, IoctlRegister, register) != 0)
        {
            reason = "userfaultfd: " + Marshal.GetLastPInvokeErrorMessage();
            return null;
        }

        reason = "";
        return new UserFault(descriptor);
    }

    /// <summary>Waits for a fault and returns the address of its page, or null if none came.</summary>
    public byte* WaitForFault(int timeoutMilliseconds)
    {
        var poll = new PollEntry { Descriptor = _descriptor, Events = 1 };
        if (Poll(&poll, 1, timeoutMilliseconds) <= 0)
        {
            return null;
        }

        byte* message = stackalloc byte[32];
        return Read(_descriptor, message, 32) == 32 && message[0] == EventPageFault ? (byte*)(*(ulong*)(message + 16) & ~0xfffUL) : null;
    }

    /// <summary>Puts a page in place and wakes who waits for it. That it is there already is fine.</summary>
    public bool Populate(byte* page, byte pattern)
    {
        byte* content = stackalloc byte[2 * 4096];
        content = (byte*)(((ulong)content + 4095) & ~4095UL);
        new Span<byte>(content, 4096).Fill(pattern);
        long* copy = stackalloc long[] { (long)page, (long)content, 4096, 0, 0 };
        return Control(_descriptor, IoctlCopy, copy) == 0 || Marshal.GetLastPInvokeError() == FileExists;
    }

    public void Dispose() => LibC.Close(_descriptor);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Control(int descriptor, nuint request, void* argument);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Poll(PollEntry* entries, nuint count, int timeout);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(int descriptor, byte* buffer, nuint length);

    private struct PollEntry
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }
}
