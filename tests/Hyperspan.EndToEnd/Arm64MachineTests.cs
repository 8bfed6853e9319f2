using Hyperspan.EndToEnd.Harness;

using Xunit.Abstractions;

namespace Hyperspan.EndToEnd;

/// <summary>
/// A whole arm64 Linux with two processors, by software emulation: what wants a kernel, which emulation of single programs has not. It shows nothing of a weaker order of memory
/// accesses: the emulated processors order as those of the host do.
/// </summary>
[Collection(OtherPlatforms.Name)]
public sealed class Arm64MachineTests
{
    private static readonly bool IsLong = Environment.GetEnvironmentVariable("HYPERSPAN_LONG") == "1";
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(IsLong ? 60 : 25);

    // What asks the kernel for something that emulation of single programs has not, a part of each.
    private static readonly string[] Kernel =
    [
        "GuardBitCheckedTests", "GuardCheckedBytesTests", "GuardTranslatedTests", "FenceTests", "OnDemandTests", "MappingScopeTests.Writes_by", "MappingScopeTests.Several",
        "MappingScopeTests.A_mapping_that", "PageServerTests.Monitor", "LiveSaveTests.Restores_every", "LiveSaveTests.Each_page", "-Use_under_constant_collections",
    ];

    // Whatever depends on the processor or the kernel, with HYPERSPAN_LONG=1: half an hour.
    private static readonly string[] KernelInFull =
    [
        "GuardFaultTests", "GuardBitCheckedTests", "GuardCheckedBytesTests", "GuardTranslatedTests",
        "FenceTests", "ProcessBarrierTests", "Rcu", "OnDemandTests", "MappingScopeTests", "PageServerTests",
        "LiveSaveTests", "GuestIoVectorsTests", "HolesOfPeersTests", "DiscardTests", "SharedBackingTests", "ForeignBackingTests", "FileBackingTests", "SparseBackingFileTests",
        "SparseBackingPinTests",
    ];

    // What the size of the system's pages shows in: mappings, what is pinned, saved, given back or truncated by them.
    private static readonly string[] LargePages =
    [
        "GuardFaultTests", "OnDemandTests", "MappingScopeTests.Writes_by", "MappingScopeTests.Several", "PageServerTests.Monitor", "LiveSaveTests.Each_page",
        "SparseBackingTests", "SparseBackingPinTests", "SparseBackingFileTests", "FileBackingTests", "ForeignBackingTests", "DiscardTests.Pages", "DiscardTests.What_is_pinned",
        "HeapBackingTests.Dispose", "PinTests.Pinned", "PinTests.When", "GuestIoVectorsTests.A_page", "MappedRegionTests.A_region_shows", "LiveSaveTests.Lets_everybody",
        "LiveSaveTests.A_slice", "LiveDiscardTests.A_hole", "SnapshotRoundTripTests.Sparse", "SnapshotRoundTripTests.Pages_that_are_not", "SnapshotRoundTripTests.Memory_that_was",
        "-Use_under_constant_collections",
    ];

    // The model maps by 4 KiB; a machine of its size has not the memory for the last two.
    private static readonly string[] LargePagesInFull =
    [
        .. KernelInFull, "Tests.Backing", "PinTests", "SnapshotRoundTripTests", "LiveDiscardTests", "FileTransferTests", "MappedRegionTests", "SourceDocumentTests", "SliceTests",
        "EdgeOfHoleTests", "FoundByMutationTests", "MappingLimitTests", "StormTests", "ChildProcessTests.Faults", "ChildProcessTests.Substitute",
        "-A_buffer_larger", "-Pieces_have_at_most",
    ];

    private readonly ITestOutputHelper _output;
    private readonly PlatformFolders _folders;

    public Arm64MachineTests(ITestOutputHelper output, PlatformFolders folders)
    {
        _output = output;
        _folders = folders;
        OtherPlatforms.SkipUnlessWanted();
        Skip.If(Arm64Machine.Missing is not null, Arm64Machine.Missing);
    }

    [SkippableFact]
    public async Task Faults_sequences_barriers_and_userfaultfd_work_on_a_kernel_with_pages_of_4_KiB()
    {
        IReadOnlyDictionary<string, Arm64Result> results = await RunAsync(
            Arm64Machine.Kernel("linux-image-cloud-arm64"),
            ("guard", "./Hyperspan.TestHost guard-description"),
            ("storm", "./Hyperspan.TestHost guard-fault-storm 10000"),
            ("stores", "./Hyperspan.TestHost guard-restartable-litmus 300 1 store"),
            ("exchanges", "./Hyperspan.TestHost guard-restartable-litmus 300 1 exchange"),
            ("bytes", "./Hyperspan.TestHost guard-restartable-litmus 300 1 bytes"),
            ("unflushed", "./Hyperspan.TestHost guard-restartable-litmus 1000000 1 unflushed"),
            ("signals", "./Hyperspan.TestHost signal-stack guarded alternate 3000"),
            ("served", "./Hyperspan.TestHost user-fault block 50"),
            ("answered", "./Hyperspan.TestHost user-fault signal 50"),
            ("core", Runner(["Hyperspan.Tests.dll", .. IsLong ? KernelInFull : Kernel])),
            ("vhost-user", Runner(["Hyperspan.VhostUser.Tests.dll", .. IsLong ? (string[])["-slow"] : ["RingTests.A_ring", "RingTests.A_disabled", "RingTests.Events"]])));

        ShouldHaveSequences(results);
        ShouldPass(results, "storm", "stores", "exchanges", "bytes", "signals", "served", "answered", "core", "vhost-user");
        Skip.If(results["unflushed"].ExitCode == 0, "Inconclusive: a restriction that is not flushed was not caught in its time.");
        results["unflushed"].ExitCode.ShouldBe(10, results["unflushed"].Output);
    }

    /// <summary>Nothing takes pages of 4 KiB for those of the host.</summary>
    [SkippableFact]
    public Task The_same_holds_on_a_kernel_with_pages_of_16_KiB() => HoldsOnLargePagesAsync(Arm64Machine.Kernel("linux-image-arm64-16k"), 16);

    /// <summary>There is no such kernel of Debian's: one that is not there is none that is missing, also where everything is required.</summary>
    [SkippableFact]
    public Task The_same_holds_on_a_kernel_with_pages_of_64_KiB()
    {
        string? kernel = Arm64Machine.KernelOf64KiB;
        Skip.If(kernel is null, "no kernel with pages of 64 KiB: tests/Hyperspan.EndToEnd/build-arm64-64k builds one, or HYPERSPAN_ARM64_64K_KERNEL names its image");
        return HoldsOnLargePagesAsync(kernel!, 64);
    }

    private static string Runner(params string[] arguments) => "./Hyperspan.TestRunner " + string.Join(' ', arguments);

    private static void ShouldHaveSequences(IReadOnlyDictionary<string, Arm64Result> results)
    {
        results["guard"].Output.ShouldContain("machine=True");
        results["guard"].Output.ShouldContain("\nmachine code\n", customMessage: "no reason why there would be no restartable sequences");
    }

    private static void ShouldPass(IReadOnlyDictionary<string, Arm64Result> results, params string[] names)
    {
        foreach (string name in names)
        {
            results[name].ExitCode.ShouldBe(0, $"{name}: {results[name].Output}");
        }
    }

    private async Task HoldsOnLargePagesAsync(string kernel, int kilobytes)
    {
        // Operations and what they answer depend on the arguments alone. What changes does by pages of 64 KiB, which all systems can.
        string[] model = ["1", IsLong ? "100" : "10", "1000", "65536"];
        string digest = await OtherPlatforms.OutputOfModelAsync(model);
        IReadOnlyDictionary<string, Arm64Result> results = await RunAsync(
            kernel,
            ("pages", "awk '/KernelPageSize/ { print $2; exit }' /proc/self/smaps"),
            ("guard", "./Hyperspan.TestHost guard-description"),
            ("storm", "./Hyperspan.TestHost guard-fault-storm 5000"),
            ("stores", "./Hyperspan.TestHost guard-restartable-litmus 300 1 store"),
            ("answered", "./Hyperspan.TestHost user-fault signal 50"),
            ("model", "./Hyperspan.TestHost model " + string.Join(' ', model)),
            ("core", Runner(["Hyperspan.Tests.dll", .. IsLong ? LargePagesInFull : LargePages])));

        results["pages"].Output.Trim().ShouldBe($"{kilobytes}");
        ShouldHaveSequences(results);
        results["model"].Output.Trim().ShouldBe(digest);
        ShouldPass(results, "storm", "stores", "answered", "core");
    }

    private async Task<IReadOnlyDictionary<string, Arm64Result>> RunAsync(string kernel, params (string Name, string Command)[] programs)
    {
        string tests = await _folders.LayOutAsync("linux-arm64");
        IReadOnlyList<Arm64Result> results = await Arm64Machine.RunAsync(kernel, tests, programs, Longest);
        foreach (Arm64Result result in results)
        {
            _output.WriteLine($"{result.Name}: {result.ExitCode}, ended after {result.Ended:f0} s");
            _output.WriteLine(string.Join('\n', result.Output.Split('\n').Where(line => !line.StartsWith("Ok, passed", StringComparison.Ordinal)).TakeLast(20)));
        }

        return results.ToDictionary(result => result.Name, StringComparer.Ordinal);
    }
}
