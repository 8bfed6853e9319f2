using System.Diagnostics;
using Hyperspan.EndToEnd.Harness;

using Xunit.Abstractions;

namespace Hyperspan.EndToEnd;

/// <summary>The tests of the core on other platforms, by emulation of the processor or beside another C library; see docs/platforms.md.</summary>
[Collection(OtherPlatforms.Name)]
public sealed class PlatformTests : IDisposable
{
    // Accesses, the guard, and what decides when they count. The rest does not depend on the processor, or takes too long on an emulated one.
    private static readonly string[] Core =
    [
        "GuardScalarTests", "GuardFaultTests", "GuardCopyTests", "ExecutablePageTests", "AccessContractTests", "RestrictionTests", "RegionLookupTests", "-slow",
    ];

    // What works without a guard; without tests that skip or want more of Linux than they say.
    private static readonly string[] Portable =
    [
        "AccessBitmapsTests", "AccessContractTests", "AddressingJsonTests", "ByteOrderTests", "DefaultReaderTests", "DeviceAddressSpaceTests", "GuestAddressTests",
        "GuestAddressTextTests", "GuestRangeTests", "GuestRangeAlgebraTests", "GuestMemoryRegionTests", "GuestMemoryStreamTests", "StreamingFaultTests", "PagedAccessTests",
        "PagedRangeTests", "PagedPartsTests", "ReaderModelTests", "WriterModelTests", "ViewTests", "SourceDocumentTests", ".SliceTests", "RestrictionTests", ".PinTests",
        "PinUndoTests",
    ];

    // A thousand steps each.
    private static readonly string Scripts = Environment.GetEnvironmentVariable("HYPERSPAN_LONG") == "1" ? "1000" : "10";

    private readonly ITestOutputHelper _output;
    private readonly PlatformFolders _folders;
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("hyperspan-platform");

    public PlatformTests(ITestOutputHelper output, PlatformFolders folders)
    {
        _output = output;
        _folders = folders;
        OtherPlatforms.SkipUnlessWanted();
    }

    /// <summary>What .NET wants of Wine 8, besides what any does.</summary>
    private KeyValuePair<string, string>[] WineEnvironment => [.. EnvironmentOfWine("wine"), new("DOTNET_EnableWriteXorExecute", "0")];

    public void Dispose() => _folder.Delete(recursive: true);

    /// <summary>Emulated: a processor with all that QEMU knows, and one of the first, without atomic instructions and weaker acquiring loads.</summary>
    [SkippableFact]
    public async Task Core_tests_pass_on_arm64()
    {
        string? emulator = TestBed.OtherQemu("arm64-run");
        Skip.If(emulator is null, "arm64-run is missing: run tests/Hyperspan.EndToEnd/install-front-ends");
        string tests = await _folders.LayOutAsync("linux-arm64");
        string runner = Path.Combine(tests, "Hyperspan.TestRunner"), host = Path.Combine(tests, "Hyperspan.TestHost");

        ShouldPass(await RunAsync("max", emulator!, [runner, "Hyperspan.Tests.dll", .. Core]), "Failed: 0");
        ShouldPass(await RunAsync("cortex-a53", emulator!, runner, "Hyperspan.Tests.dll", "GuardScalarTests", "GuardFaultTests"), "Failed: 0");
        ShouldPass(await RunAsync("max", emulator!, host, "guard-fault-storm", "10000"), "machine=True");
        ShouldPass(await RunAsync("cortex-a53", emulator!, host, "guard-fault-storm", "3000"), "machine=True");

        // Operations and what they answer depend on the seeds alone: the digest is that of every platform.
        string expected = await OtherPlatforms.OutputOfModelAsync("1", Scripts, "1000");
        ShouldPass(await RunAsync("max", emulator!, host, "model", "1", Scripts, "1000"), expected);
    }

    [SkippableFact]
    public async Task All_tests_but_the_slow_ones_pass_beside_musl()
    {
        string? bed = Environment.GetEnvironmentVariable("HYPERSPAN_MUSL_BED") is { Length: > 0 } own ? own : PlatformFolders.Find(Path.Combine("shared", "beds", "musl"));
        Skip.If(bed is null, "the musl bed is not there: HYPERSPAN_MUSL_BED names its script");
        (int code, string made) = await RunAsync("", bed!);
        Skip.If(code != 0, $"the musl bed does not work here: {made}");
        string tests = await _folders.LayOutAsync("linux-musl-x64");
        string start = made.Trim().Split('\n')[^1];

        // Those of the repository's own texts want to lie in it.
        ShouldPass(
            await RunAsync("", start, Path.Combine(tests, "Hyperspan.TestRunner"), "Hyperspan.Tests.dll", "-slow", "-ReadmeExampleTests", "-MutationTextTests"), "Failed: 0");
        ShouldPass(await RunAsync("", start, Path.Combine(tests, "Hyperspan.TestHost"), "guard-fault-storm", "20000"), "machine=True");
    }

    /// <summary>Each run is short and ends by itself; a fault too many ends the program, and a thread that is lost leaves it waiting for the limit.</summary>
    [SkippableFact]
    public async Task Guard_and_mapped_memory_work_under_Wine()
    {
        string? wine = TestBed.Wine;
        Skip.If(wine is null, "wine64 is missing: run tests/Hyperspan.EndToEnd/install");
        string tests = await _folders.LayOutAsync("win-x64");
        string runner = Path.Combine(tests, "Hyperspan.TestRunner.exe"), host = Path.Combine(tests, "Hyperspan.TestHost.exe");
        try
        {
            ShouldPass(await WineAsync(runner, "Hyperspan.Tests.dll", "GuardScalarTests", "GuardCopyTests", "PlatformAbilitiesTests"), "Failed: 0");
            ShouldPass(await WineAsync(runner, "Hyperspan.Tests.dll", "GuardFaultTests"), "Failed: 0");
            ShouldPass(await WineAsync(runner, "Hyperspan.Tests.dll", "WindowsBackingTests", "WindowsTransferTests"), "Failed: 0");
            ShouldPass(await WineAsync([runner, "Hyperspan.Tests.dll", .. Portable]), "Failed: 0");
            ShouldPass(await WineAsync(host, "guard-fault-storm", "200000"), "machine=True");

            (int code, string output) = await WineAsync(host, "guard-foreign-fault", "exit77", "segv");
            code.ShouldBe(77, output);
            output.ShouldContain("recovered");
            (code, output) = await WineAsync(host, "guard-foreign-fault", "runtime", "segv");
            code.ShouldNotBe(0, output);
            output.ShouldContain("recovered");
            output.ShouldNotContain("survived");
        }
        finally
        {
            // Wine's server goes when its last program has gone.
            await RunAsync(WineEnvironment, Path.Combine(Path.GetDirectoryName(wine)!, "wineserver"), "-w");
        }
    }

    /// <summary>Which has placeholders, as the Windows of today has them: parts of files among other memory, and all else that is mapped in addresses of that kind.</summary>
    [SkippableFact]
    public async Task Parts_of_files_lie_among_other_memory_under_Wine_10()
    {
        string? wine = TestBed.OtherQemu("wine10-run");
        Skip.If(wine is null, "wine10-run is missing: run tests/Hyperspan.EndToEnd/install-front-ends");
        string tests = await _folders.LayOutAsync("win-x64");
        string runner = Path.Combine(tests, "Hyperspan.TestRunner.exe"), host = Path.Combine(tests, "Hyperspan.TestHost.exe");
        KeyValuePair<string, string>[] environment = EnvironmentOfWine("wine10");
        try
        {
            (int Code, string Output) run = await RunAsync(
                environment,
                wine!,
                [runner, "Hyperspan.Tests.dll", "WindowsFilePartsTests", "WindowsMappedSnapshotTests", "WindowsBackingTests", "WindowsTransferTests", "PlatformAbilitiesTests"]);
            ShouldPass(run, "Failed: 0");
            run.Output.ShouldNotContain("placeholders", customMessage: "the ability is there, and its tests were not skipped");
            ShouldPass(await RunAsync(environment, wine!, runner, "Hyperspan.Tests.dll", "GuardFaultTests"), "Failed: 0");
            ShouldPass(await RunAsync(environment, wine!, host, "guard-fault-storm", "200000"), "machine=True");
        }
        finally
        {
            await RunAsync(environment, wine!, "--wait");
        }
    }

    /// <summary>Settings of its own, no messages of its own, no display.</summary>
    private KeyValuePair<string, string>[] EnvironmentOfWine(string settings) =>
        [new("WINEPREFIX", Path.Combine(_folder.FullName, settings)), new("WINEDEBUG", "-all"), new("DISPLAY", "")];

    private static void ShouldPass((int Code, string Output) run, string text)
    {
        run.Code.ShouldBe(0, run.Output);
        run.Output.ShouldContain(text);
    }

    private Task<(int Code, string Output)> WineAsync(params string[] arguments) => RunAsync(WineEnvironment, TestBed.Wine!, arguments);

    private Task<(int Code, string Output)> RunAsync(string processor, string program, params string[] arguments) =>
        RunAsync(processor.Length > 0 ? [new("QEMU_CPU", processor)] : [], program, arguments);

    private async Task<(int Code, string Output)> RunAsync(KeyValuePair<string, string>[] environment, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments);
        start.Environment["DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"] = "1";
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        long begin = Stopwatch.GetTimestamp();
        (int code, string text) = await PlatformFolders.RunAsync(start);
        string first = environment.FirstOrDefault().Value ?? "";
        _output.WriteLine($"{first} {Path.GetFileName(program)} {string.Join(' ', arguments)}: {code} after {Stopwatch.GetElapsedTime(begin).TotalSeconds:f0} s");
        _output.WriteLine(string.Join('\n', text.Split('\n').Where(line => !line.StartsWith("Ok, passed", StringComparison.Ordinal)).TakeLast(20)));
        return (code, text);
    }
}
