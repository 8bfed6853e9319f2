using Hyperspan.EndToEnd.Harness;
using Xunit.Abstractions;

namespace Hyperspan.EndToEnd;

public sealed class QueueTests(ITestOutputHelper output) : GuestTest(output)
{
    public static TheoryData<DiskServer, int> ServersAndQueues
    {
        get
        {
            var cases = new TheoryData<DiskServer, int>();
            foreach (DiskServer server in Servers.Ours.Select((object[] row) => (DiskServer)row[0]))
            {
                cases.Add(server, 1);
                cases.Add(server, 2);
            }

            return cases;
        }
    }

    [SkippableTheory]
    [MemberData(nameof(ServersAndQueues))]
    public async Task Two_processors_use_every_queue_at_once(DiskServer server, int queues)
    {
        await using GuestScenario scenario = await StartAsync(
            server,
            folder => DiskImage.CreateEmpty(folder, 16),
            new DiskBackendOptions { Queues = queues });

        GuestReport report = await scenario.RunAsync(new GuestOptions { Script = "queues", Processors = 2, Queues = queues });

        report.Number("processors").ShouldBe(2);
        report.Number("queues").ShouldBe(queues);
        report.Number("used").ShouldBe(queues);
        report.Number("bad").ShouldBe(0);
        await ShouldEndWellAsync(scenario, report);
    }
}
