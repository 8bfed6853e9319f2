using Hyperspan.VhostUser.Interop;

using Microsoft.Win32.SafeHandles;

using M = Hyperspan.VhostUser.VhostUserMessage;

namespace Hyperspan.VhostUser.Tests;

/// <summary>Front ends whose descriptors keep whoever touches them.</summary>
[Trait("Category", "slow")]
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

    /// <summary>Each keeps the thread that closes it: a front end that comes again and again must not have as many of them as it likes.</summary>
    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Descriptors_that_cannot_be_closed_are_bounded_and_the_server_can_be_ended(bool answers)
    {
        const int AtOnce = 32;
        const int MostUnclosed = 64;
        using StuckFile? stuck = StuckFile.TryCreate(_path, 1 << 20, isFlushed: true, out string reason);
        Skip.If(stuck is null, reason);
        SafeFileHandle file = File.OpenHandle(stuck.Path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        stuck.FallSilent();
        string socket = _path + ".sock";
        var log = new EventLog();
        using var device = new TestDevice();
        using var stop = new CancellationTokenSource();
        using var server = new VhostUserServer(socket, device, new VhostUserOptions { OnEvent = log.Add });
        Task run = server.RunAsync(stop.Token);
        var frontEnds = new List<VhostUserFrontEnd>();
        try
        {
            SafeFileHandle[] many = [.. Enumerable.Repeat(file, AtOnce)];
            for (int i = 0; i < 10; i++)
            {
                // Those that are not accepted any more wait in the queue of the socket.
                var frontEnd = VhostUserFrontEnd.Connect(socket, Harness.Patience);
                frontEnds.Add(frontEnd);
                frontEnd.Send(M.SetOwner, [], MessageHeader.Version, many);
            }

            Harness.Eventually(() => log.Events.Any(what => what.Text.StartsWith("no other front end is served: too many descriptors", StringComparison.Ordinal)), "it is told");
            server.Statistics.Connections.ShouldBe((MostUnclosed / AtOnce) + 1);
            server.IsConnected.ShouldBeFalse();
            if (answers)
            {
                // Whoever waits for it is told that it is gone; then all others are served.
                stuck.Dispose();
                Harness.Eventually(() => server.Statistics.Connections == frontEnds.Count && !server.IsConnected, "the others are served");
                using var next = VhostUserFrontEnd.Connect(socket, Harness.Patience);
                next.Negotiate();
                next.SetMemory(_memory.Region());
                ConversationTests.ShouldServe(next, _memory, 0x1000, number: 1);
            }

            await stop.CancelAsync();
            await run.WaitAsync(Harness.Patience);
        }
        finally
        {
            stuck.Dispose();
            file.Dispose();
            frontEnds.ForEach(static frontEnd => frontEnd.Dispose());
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_event_that_is_full_and_made_blocking_does_not_keep_the_connection_from_its_end(bool oldKernel)
    {
        using var filled = new FilledEvent(oldKernel);
        using var harness = new Harness();
        TestDriver driver = ConversationTests.NewDriver(_memory, 0x1000);
        using VhostUserFrontEndQueue queue = filled.StartQueue(harness.FrontEnd, _memory, driver);
        Harness.Eventually(() => harness.Device.Completed.Contains(1UL), "the request is served");
        if (!oldKernel && !EventDescriptor.LacksNoWaitWrites)
        {
            harness.FrontEnd.StopQueue(0);
        }

        harness.Cancel();
        harness.Device.LiveHandlers = 0;
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
}
