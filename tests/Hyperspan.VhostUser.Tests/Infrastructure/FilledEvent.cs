using System.IO.Pipes;

using Hyperspan.Interop.Linux;
using Hyperspan.VhostUser.Interop;

using Microsoft.Win32.SafeHandles;

using M = Hyperspan.VhostUser.VhostUserMessage;

namespace Hyperspan.VhostUser.Tests;

/// <summary>
/// A pipe that is full, that nobody but this reads, and that is made blocking all the time. Under a kernel that has no writes to pipes that do not wait, whoever
/// signals it waits until this is disposed.
/// </summary>
internal sealed class FilledEvent : IDisposable
{
    private readonly AnonymousPipeServerStream _pipe = new(PipeDirection.In);
    private readonly SafeFileHandle _end;
    private readonly CancellationTokenSource _stop = new();
    private readonly Thread _blocker;
    private readonly bool _lacksNoWaitWrites = EventDescriptor.LacksNoWaitWrites;

    internal unsafe FilledEvent(bool oldKernel)
    {
        _end = new SafeFileHandle(_pipe.ClientSafePipeHandle.DangerousGetHandle(), ownsHandle: false);
        SetBlocking(false);
        byte* page = stackalloc byte[4096];

        // SAFETY: so many bytes of this stack.
        while (LibC.Write(_end, page, 4096) > 0)
        {
        }

        EventDescriptor.LacksNoWaitWrites = oldKernel;
        _blocker = new Thread(KeepBlocking) { IsBackground = true };
        _blocker.Start();
    }

    /// <summary>Starts a queue that is to signal it, and, after one request that is done in order, makes another.</summary>
    internal VhostUserFrontEndQueue StartQueue(VhostUserFrontEnd frontEnd, TestMemory memory, TestDriver driver)
    {
        frontEnd.Negotiate();
        frontEnd.SetMemory(memory.Region());
        VhostUserFrontEndQueue queue = frontEnd.StartQueue(0, driver.Layout);
        driver.Submit(0);
        queue.Kick();
        driver.WaitForAll(queue);
        frontEnd.SetEvent(M.SetVringCall, 0, _end);

        // By now the back end has made it non-blocking, once.
        SetBlocking(true);
        driver.Submit(1);
        queue.Kick();
        return queue;
    }

    public void Dispose()
    {
        _stop.Cancel();
        _blocker.Join();
        EventDescriptor.LacksNoWaitWrites = _lacksNoWaitWrites;

        // Nobody reads any more: whoever waits to write is told.
        _pipe.DisposeLocalCopyOfClientHandle();
        _pipe.Dispose();
        _end.Dispose();
        _stop.Dispose();
    }

    private void KeepBlocking()
    {
        while (!_stop.IsCancellationRequested)
        {
            SetBlocking(true);
            Thread.Sleep(1);
        }
    }

    private void SetBlocking(bool blocking)
    {
        int flags = LibC.Fcntl(_end, FileCommand.GetFlags, 0);
        _ = LibC.Fcntl(_end, FileCommand.SetFlags, blocking ? flags & ~(int)OpenFlags.NonBlocking : flags | (int)OpenFlags.NonBlocking);
    }
}
