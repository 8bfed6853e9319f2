using System.Runtime.InteropServices;
using Hyperspan.Interop.Linux;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.TestHost.Storms;

/// <summary>userfaultfd(2) over a range: missing pages are served by this process, or answered by SIGBUS.</summary>
internal sealed unsafe class UserFault : IDisposable
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

    private readonly SafeFileHandle _descriptor;

    private UserFault(SafeFileHandle descriptor) => _descriptor = descriptor;

    /// <summary>Watches a range, or says why this machine does not let us.</summary>
    public static UserFault? TryCreate(byte* start, ulong length, bool answerBySignal, out string reason)
    {
        using var device = new SafeFileHandle(LibC.Open("/dev/userfaultfd", OpenFlags.CloseOnExec | OpenFlags.ReadWrite), ownsHandle: true);
        if (device.IsInvalid)
        {
            reason = "/dev/userfaultfd: " + Marshal.GetLastPInvokeErrorMessage();
            return null;
        }

        // Without the latter, poll answers with an error, and a read waits for a fault although none may come any more.
        const OpenFlags flags = OpenFlags.CloseOnExec | OpenFlags.NonBlocking;
        var descriptor = new SafeFileHandle(LibC.Ioctl(device, IoctlNew, (void*)(nint)flags), ownsHandle: true);
        ulong* api = stackalloc ulong[] { Api, answerBySignal ? FeatureSigbus : 0, 0 };
        ulong* register = stackalloc ulong[] { (ulong)start, length, RegisterMissing, 0 };
        if (descriptor.IsInvalid || LibC.Ioctl(descriptor, IoctlApi, api) != 0 || LibC.Ioctl(descriptor, IoctlRegister, register) != 0)
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
        var poll = new PollEntry { Descriptor = (int)_descriptor.DangerousGetHandle(), Events = PollEvents.In };
        if (LibC.Poll(&poll, 1, timeoutMilliseconds) <= 0)
        {
            return null;
        }

        byte* message = stackalloc byte[32];
        return LibC.Read(_descriptor, message, 32) == 32 && message[0] == EventPageFault ? (byte*)(*(ulong*)(message + 16) & ~(ulong)(Environment.SystemPageSize - 1)) : null;
    }

    /// <summary>Puts a page in place and wakes who waits for it. That it is there already is fine.</summary>
    public bool Populate(byte* page, byte pattern)
    {
        int size = Environment.SystemPageSize;
        byte* content = stackalloc byte[2 * size];
        content = (byte*)(((ulong)content + (ulong)size - 1) & ~((ulong)size - 1));
        new Span<byte>(content, size).Fill(pattern);
        long* copy = stackalloc long[] { (long)page, (long)content, size, 0, 0 };
        return LibC.Ioctl(_descriptor, IoctlCopy, copy) == 0 || Marshal.GetLastPInvokeError() == FileExists;
    }

    public void Dispose() => _descriptor.Dispose();
}
