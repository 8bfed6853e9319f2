using Microsoft.Win32.SafeHandles;

using M = Hyperspan.VhostUser.VhostUserMessage;

namespace Hyperspan.VhostUser.Tests;

/// <summary>
/// Random front ends: bytes, and messages that are nearly right. Whatever they do, the back end ends the connection or goes on, keeps nothing, and serves the next one.
/// </summary>
[Trait("Category", "slow")]
public sealed class HostileTests : IDisposable
{
    private static readonly int Rounds = Environment.GetEnvironmentVariable("HYPERSPAN_LONG") == "1" ? 5_000 : 150;

    private readonly TestMemory _memory = new(1 << 20);

    [Fact]
    public void Random_bytes_do_no_harm()
    {
        using var device = new TestDevice(2);
        OpenDescriptors.ShouldNotGrow(() =>
        {
            for (int seed = 0; seed < Rounds; seed++)
            {
                var random = new Random(seed);
                using var harness = new Harness(device, new VhostUserOptions { MessageTimeout = TimeSpan.FromMilliseconds(20) });
                byte[] bytes = new byte[random.Next(4, 600)];
                random.NextBytes(bytes);

                // Most first headers are made plausible, so that what follows is looked at.
                if (random.Next(4) != 0)
                {
                    BitConverter.TryWriteBytes(bytes, random.Next(45));
                    bytes.AsSpan(4, Math.Max(0, Math.Min(8, bytes.Length - 4))).Clear();
                    if (bytes.Length > 9)
                    {
                        bytes[4] = 1;
                        bytes[8] = (byte)random.Next(40);
                    }
                }

                harness.FrontEnd.SendRaw(bytes);
                if (random.Next(2) == 0)
                {
                    harness.End();
                }
            }
        });
    }

    [Fact]
    public void Random_messages_do_no_harm()
    {
        using var device = new TestDevice(2);
        var messages = Enumerable.Range(1, 40).Select(id => (M)id).Where(id => MessageRule.Of(id) is not null).ToArray();
        long handled = 0;
        OpenDescriptors.ShouldNotGrow(() =>
        {
            for (int seed = 0; seed < Rounds; seed++)
            {
                var random = new Random(seed);
                using var shrinking = new TestMemory(1 << 20);
                using var queue = new VhostUserFrontEndQueue(0);
                SafeFileHandle[] files = [_memory.File, shrinking.File, queue.KickHandle, queue.CallHandle];
                using var harness = new Harness(device, new VhostUserOptions { MessageTimeout = TimeSpan.FromMilliseconds(50) });
                if (Record.Exception(() => Converse(random, harness.FrontEnd, shrinking, queue, files, messages)) is { } e)
                {
                    e.ShouldBeAssignableTo<IOException>();
                }

                handled += harness.Connection.Statistics.Messages;
            }
        });

        // Otherwise the messages are too wrong to test anything.
        (handled / (2.0 * Rounds)).ShouldBeGreaterThan(10);
        using var honest = new Harness(device);
        honest.FrontEnd.Negotiate();
        honest.FrontEnd.SetMemory(_memory.Region());
        ConversationTests.ShouldServe(honest.FrontEnd, _memory, 0x1000, number: 1);
    }

    [Fact]
    public void Huge_sparse_memory_again_and_again_is_survived()
    {
        const ulong Huge = 1UL << 40;
        using var memory = new TestMemory(1 << 20);
        memory.Truncate(Huge);
        for (int i = 0; i < 300; i++)
        {
            using var harness = new Harness();
            harness.FrontEnd.Negotiate();
            try
            {
                harness.FrontEnd.SetMemory(memory.Region(0, Huge));
            }
            catch (VhostUserException)
            {
                harness.End().Kind.ShouldBe(VhostUserEventKind.ProtocolError);
            }
        }
    }

    public void Dispose() => _memory.Dispose();

    private void Converse(
        Random random, VhostUserFrontEnd frontend, TestMemory shrinking, VhostUserFrontEndQueue queue, SafeFileHandle[] files, M[] messages)
    {
        frontend.Negotiate();
        frontend.SetMemory(_memory.Region(), shrinking.Region(1 << 20));
        TestDriver driver = ConversationTests.NewDriver(_memory, 0x1000);
        TestDriver other = ConversationTests.NewDriver(shrinking, 0x1000);
        _ = other;
        using VhostUserFrontEndQueue first = frontend.StartQueue(0, driver.Layout);
        var layout = driver.Layout with { DescriptorTable = (1 << 20) + 0x1000, AvailableRing = (1 << 20) + 0x2000, UsedRing = (1 << 20) + 0x3000 };
        using VhostUserFrontEndQueue second = frontend.StartQueue(1, layout);
        for (int i = 0; i < 60; i++)
        {
            switch (random.Next(12))
            {
                case 0:
                    driver = ConversationTests.NewDriver(_memory, 0x1000);
                    driver.Submit((ulong)i);
                    first.Kick();
                    break;
                case 1:
                    byte[] rings = new byte[0x3000];
                    random.NextBytes(rings);
                    _memory.Memory.Write(0x1000, rings);
                    first.Kick();
                    break;
                case 2 when i > 40:
                    shrinking.Truncate((ulong)random.Next(0, 5) * 0x1000);
                    second.Kick();
                    break;
                case 3:
                    frontend.StopQueue(random.Next(2));
                    break;
                case 4:
                    frontend.EnableQueue(random.Next(2), random.Next(2) == 0);
                    break;
                case 5:
                    frontend.SetMemory(_memory.Region(), shrinking.Region(1 << 20));
                    break;
                case 6 when i > 20:
                    RandomMessage(random, frontend, files, messages);
                    break;
                case 7:
                    frontend.SetEvent(random.Next(2) == 0 ? M.SetVringCall : M.SetVringError, random.Next(2), queue.CallHandle);
                    break;
                case 8:
                    frontend.SetEvent(M.SetVringKick, 0, random.Next(2) == 0 ? queue.KickHandle : null);
                    break;
                case 9:
                    using (VhostUserInflight inflight = frontend.GetInflight(2, 32))
                    {
                        if (random.Next(3) == 0)
                        {
                            frontend.SetInflight(inflight);
                        }
                    }

                    break;
                default:
                    frontend.GetConfig(random.Next(100), random.Next(100));
                    second.Kick();
                    break;
            }
        }
    }

    private static void RandomMessage(Random random, VhostUserFrontEnd frontend, SafeFileHandle[] files, M[] messages)
    {
        M message = messages[random.Next(messages.Length)];
        MessageRule rule = MessageRule.Of(message)!.Value;
        byte[] payload = new byte[random.Next(8) == 0 ? random.Next(300) : random.Next(rule.Least, rule.Most + 1)];
        if (random.Next(3) == 0)
        {
            random.NextBytes(payload);
        }
        else if (payload.Length > 4)
        {
            payload[random.Next(payload.Length)] = (byte)random.Next(256);
            payload[0] = (byte)random.Next(3);
        }

        SafeFileHandle[] sent = Enumerable.Range(0, random.Next(4) == 0 ? random.Next(10) : rule.Descriptors)
            .Select(_ => files[random.Next(files.Length)]).ToArray();
        frontend.Send(message, payload, random.Next(10) == 0 ? (uint)random.Next(32) : random.Next(2) == 0 ? 1u : 9u, sent);
    }
}
