using Hyperspan.Interop.Linux;
using Hyperspan.Tests;

using Microsoft.Win32.SafeHandles;

using M = Hyperspan.VhostUser.VhostUserMessage;

namespace Hyperspan.VhostUser.Tests;

/// <summary>Front ends whose descriptors keep whoever touches them.</summary>
public sealed class StuckPeerTests : IDisposable
{
    private readonly string _path = Path.Combine(Path.GetTempPath(), "hs-" + Path.GetRandomFileName());
    private readonly TestMemory _memory = new(1 << 20);

    public static TheoryData<string> Messages => new("table", "region", "inflight", "kick", "stray");

    [SkippableTheory]
    [MemberData(nameof(Messages))]
    public void A_file_whose_server_never_answers_ends_its_connection_and_keeps_nothing(string message)
    {
        using StuckFile? stuck = StuckFile.TryCreate(_path, 1 << 20, isFlushed: true, out string reason);
        Skip.If(stuck is null, reason);
        SafeFileHandle file = File.OpenHandle(stuck.Path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        stuck.FallSilent();
        try
        {
            ShouldRefuse(message, file);
        }
        finally
        {
            // In this order: closing the file would wait as well.
            stuck.Dispose();
            file.Dispose();
        }
    }

    [Fact]
    public void An_event_that_is_filled_as_fast_as_it_is_emptied_does_not_keep_the_connection()
    {
        int descriptor = LibC.Eventfd(0, OpenFlags.CloseOnExec);
        using var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        using var stop = new CancellationTokenSource();
        Thread[] fillers = [.. Enumerable.Range(0, 64).Select(_ => new Thread(() => Fill(handle, stop.Token)) { IsBackground = true })];
        foreach (Thread filler in fillers)
        {
            filler.Start();
        }

        try
        {
            using var harness = new Harness();
            harness.FrontEnd.Negotiate();
            harness.FrontEnd.SetMemory(_memory.Region());
            TestDriver driver = ConversationTests.NewDriver(_memory, 0x1000);
            using VhostUserFrontEndQueue queue = harness.FrontEnd.StartQueue(0, driver.Layout);
            harness.FrontEnd.Send(M.SetVringCall, new byte[8], MessageHeader.Version, handle);
            driver.Submit(1);
            queue.Kick();
            Harness.Eventually(() => !harness.Device.Completed.IsEmpty, "the request is served");
            harness.Cancel();
            harness.Device.LiveHandlers = 0;
        }
        finally
        {
            stop.Cancel();
            while (fillers.Any(filler => filler.IsAlive))
            {
                Drain(handle);
            }
        }
    }

    public void Dispose()
    {
        _memory.Dispose();
        File.Delete(_path);
    }

    private void ShouldRefuse(string message, SafeFileHandle file)
    {
        using var device = new TestDevice();
        using (var harness = new Harness(device))
        {
            harness.FrontEnd.Negotiate();
            VhostUserMemoryRegion region = _memory.Region().Region;
            _ = Record.Exception(() =>
            {
                switch (message)
                {
                    case "table":
                        harness.FrontEnd.SetMemory(_memory.Region(), new VhostUserSharedMemory(region with { GuestAddress = 1 << 20, UserAddress = 1 << 20 }, file));
                        break;
                    case "region":
                        harness.FrontEnd.AddMemory(new VhostUserSharedMemory(region, file));
                        break;
                    case "inflight":
                        byte[] description = new byte[24];
                        BitConverter.TryWriteBytes(description, 1UL << 16);
                        description[16] = 1;
                        description[18] = 16;
                        harness.FrontEnd.Send(M.SetInflight, description, MessageHeader.Version, file);
                        break;
                    case "kick":
                        harness.FrontEnd.Send(M.SetVringKick, new byte[8], MessageHeader.Version, file);
                        break;
                    default:
                        harness.FrontEnd.Send(M.SetOwner, [], MessageHeader.Version, file);
                        break;
                }
            });
            harness.End().IsError.ShouldBeTrue();
        }

        using var next = new Harness(device);
        next.FrontEnd.Negotiate();
        next.FrontEnd.SetMemory(_memory.Region());
        ConversationTests.ShouldServe(next.FrontEnd, _memory, 0x1000, number: 1);
    }

    private static unsafe void Fill(SafeFileHandle handle, CancellationToken stop)
    {
        ulong most = ulong.MaxValue - 1;
        while (!stop.IsCancellationRequested)
        {
            int flags = LibC.Fcntl(handle, FileCommand.GetFlags, 0);
            _ = LibC.Fcntl(handle, FileCommand.SetFlags, flags & ~(int)OpenFlags.NonBlocking);

            // SAFETY: eight bytes of this stack.
            _ = LibC.Write(handle, &most, sizeof(ulong));
        }
    }

    private static unsafe void Drain(SafeFileHandle handle)
    {
        ulong count;
        int flags = LibC.Fcntl(handle, FileCommand.GetFlags, 0);
        _ = LibC.Fcntl(handle, FileCommand.SetFlags, flags | (int)OpenFlags.NonBlocking);

        // SAFETY: as above.
        _ = LibC.Read(handle, &count, sizeof(ulong));
    }
}
