using Hyperspan.EndToEnd.Harness;
using Xunit.Abstractions;

namespace Hyperspan.EndToEnd;

/// <summary>A guest whose IOMMU translates what the disk accesses: taken away strictly when a request is done, lazily in one go, or one to one.</summary>
public sealed class IommuTests(ITestOutputHelper output) : GuestTest(output)
{
    private const long MiB = DiskImage.MiB;

    private const string Strict = "intel_iommu=on iommu.strict=1";
    private const string Lazy = "intel_iommu=on iommu.strict=0";
    private const string Identity = "intel_iommu=on iommu=pt";

    /// <summary>Without a root port, whether QEMU passes on what a lazy guest takes away depends on its version: 7.2 does not. See docs/vhost-user.md.</summary>
    public static TheoryData<string, string, bool, int, string> Machines => new()
    {
        { "qemu-system-x86_64", Strict, false, 1, "DMA" },
        { "qemu-system-x86_64", Strict, true, 2, "DMA" },
        { "qemu-system-x86_64", Lazy, true, 2, "DMA-FQ" },
        { "qemu-system-x86_64", "", true, 1, "DMA-FQ" },
        { "qemu-system-x86_64", Identity, true, 1, "identity" },
        { "qemu-system-x86_64", Identity, false, 1, "identity" },
        { "qemu10-system-x86_64", Strict, false, 2, "DMA" },
        { "qemu10-system-x86_64", Lazy, false, 2, "DMA-FQ" },
        { "qemu10-system-x86_64", Lazy, true, 1, "DMA-FQ" },
        { "qemu10-system-x86_64", Identity, true, 2, "identity" },
    };

    [SkippableTheory]
    [MemberData(nameof(Machines))]
    public async Task Data_goes_through_the_guests_iommu(string qemu, string parameters, bool port, int queues, string type)
    {
        string? program = TestBed.OtherQemu(qemu);
        Skip.If(program is null, $"{qemu} is not there: run tests/Hyperspan.EndToEnd/install-front-ends");
        await using GuestScenario scenario = await StartAsync(
            DiskServer.Hyperspan, folder => DiskImage.CreateRandom(folder, 32, seed: 41), new DiskBackendOptions { Iommu = true, Queues = queues });
        DiskImage image = scenario.Image;
        string head = image.Sha256(0, 4 * MiB);
        string tail = image.Sha256(20 * MiB);
        GuestReport report = await scenario.RunAsync(
            new GuestOptions
            {
                Script = "iommu",
                Qemu = program,
                Iommu = true,
                IommuParameters = parameters,
                BehindPort = port,
                Queues = queues,
                Processors = queues,
                Timeout = TimeSpan.FromMinutes(10),
            });
        image.Sha256(4 * MiB, 16 * MiB).ShouldBe(report["sha256"]);
        report["again"].ShouldBe(report["sha256"]);
        image.Sha256(0, 4 * MiB).ShouldBe(head);
        image.Sha256(20 * MiB).ShouldBe(tail);
        report.Number("groups").ShouldBePositive("the guest's IOMMU is not on");
        report["type"].Trim().ShouldBe(type);
        report.Number("same").ShouldBe(8);
        scenario.Backend.Log.ShouldContain("translated");
        await ShouldEndWellAsync(scenario, report);
    }

    /// <summary>The server is held while a request waits, and the entry of the page that it is to write taken out of the guest's tables: QEMU finds none, and replies so.</summary>
    [SkippableTheory]
    [InlineData("qemu-system-x86_64")]
    [InlineData("qemu10-system-x86_64")]
    public async Task What_the_guests_iommu_refuses_fails_at_once(string qemu)
    {
        string? program = TestBed.OtherQemu(qemu);
        Skip.If(program is null, $"{qemu} is not there: run tests/Hyperspan.EndToEnd/install-front-ends");
        await using GuestScenario scenario = await StartAsync(
            DiskServer.Hyperspan, folder => DiskImage.CreateRandom(folder, 32, seed: 43), new DiskBackendOptions { Iommu = true });
        GuestMachine machine = await scenario.BootAsync(
            new GuestOptions { Script = "iommu-refused", Qemu = program, Iommu = true, IommuParameters = Strict, Timeout = TimeSpan.FromMinutes(5) });
        await machine.WaitForMarkAsync(static mark => mark == "mapped", "the guest's disk");
        using GuestIommu iommu = await GuestIommu.OpenAsync(machine, machine.Result("address"));
        Dictionary<ulong, ulong> before = iommu.Entries();
        before.ShouldNotBeEmpty("the rings are mapped");
        await scenario.Backend.SuspendAsync();
        await machine.SendAsync("read");

        // Header and table are read by the disk; data and status are written. The status lies beside the header.
        ulong data;
        while (!TryFindData(out data))
        {
            await Task.Delay(50);
        }

        iommu.Clear(data);
        scenario.Backend.Resume();
        GuestReport report = await machine.FinishAsync();
        report["outcome"].ShouldBe("failed");
        report["sha256"].ShouldBe(scenario.Image.Sha256(200 * 4096, 16 * 4096));
        report.Status.ShouldBe(0);

        // That is said of what was waited for in vain.
        machine.Log.ShouldNotContain("Access failure IOTLB message");
        scenario.Backend.Log.ShouldNotContain("ring broken");
        (await scenario.Backend.StopAsync()).ShouldBe(0);

        bool TryFindData(out ulong entry)
        {
            Dictionary<ulong, ulong> added = iommu.Entries();
            HashSet<ulong> read = [.. added.Values.Where(static value => (value & 2) == 0).Select(static value => value >> 12)];
            (ulong at, ulong _) = added.FirstOrDefault(pair => !before.ContainsKey(pair.Key) && (pair.Value & 2) != 0 && !read.Contains(pair.Value >> 12));
            entry = at;
            return at != 0;
        }
    }
}
