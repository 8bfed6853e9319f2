using System.Globalization;
using System.IO.Compression;
using System.Text.RegularExpressions;

using Hyperspan.Tool.Tests.Infrastructure;

namespace Hyperspan.Tool.Tests;

/// <summary>The packages, as they would be published: packed into a folder, and used from it by programs that know nothing of this repository.</summary>
public sealed partial class PackageTests : IDisposable
{
    private const string Version = "0.0.1-test";
    private const string ToolName = "Hyperspan.Tool";

    private static readonly string[] Libraries = ["Hyperspan", "Hyperspan.Virtio", "Hyperspan.VhostUser", "Hyperspan.Kvm", "Hyperspan.Testing"];

    private readonly TemporaryFolder _folder = new();

    public PackageTests() => PublishedProgram.Require();

    public void Dispose() => _folder.Dispose();

    [LinuxFact]
    public void Packages_are_complete_and_a_program_uses_them_trimmed_and_by_NativeAOT()
    {
        Pack([.. Libraries, ToolName]);
        foreach (string name in Libraries)
        {
            ShouldBeComplete(name);
            ShouldHoldCompiledLibrary(name);
        }

        string[] runtimes = PublishedProgram.CanLink ? ["linux-x64", "linux-musl-x64", "any"] : ["linux-musl-x64", "any"];
        foreach (string runtime in runtimes)
        {
            PackTool(runtime);
            ShouldBeComplete($"{ToolName}.{runtime}");
            Entries($"{ToolName}.{runtime}").ShouldContain(entry => entry.EndsWith("/share/qemu/vhost-user/50-hyperspan.json", StringComparison.Ordinal));
        }

        WriteConsumer();
        ShouldRun("framework dependent");
        ShouldRun("trimmed", "-r", "linux-x64", "--self-contained", "true", "-p:PublishTrimmed=true");
        if (PublishedProgram.CanLink)
        {
            ShouldRun("NativeAOT", "-r", "linux-x64", "-p:PublishAot=true");
        }

        // The tool, installed as a user installs it: where there is a package of machine code, that is what is run.
        string tools = _folder.PathOf("tools");
        PublishedProgram.DotNet(_folder.PathOf("tool.log"), "tool", "install", ToolName, "--version", Version, "--tool-path", tools, "--add-source", _folder.PathOf("feed"));
        Directory.EnumerateFiles(tools, "Hyperspan.dll", SearchOption.AllDirectories).Any().ShouldBe(!PublishedProgram.CanLink);
        using ToolProcess doctor = ToolProcess.StartProgram(Path.Combine(tools, "hyperspan"), "doctor", "--json");
        doctor.WaitForExit().ShouldEndWith(0);
    }

    [GeneratedRegex("```csharp\n(.*?)```", RegexOptions.Singleline | RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex CodeBlocks();

    [GeneratedRegex(
        $@"\nFalse {nameof(GuestMemoryFaultKind.Unmapped)}\n(?<count>[0-9]+) methods compiled as they were called$",
        RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex CompiledMethods();

    /// <summary>All at once: what one of them is built from is built for the others too.</summary>
    private void Pack(IEnumerable<string> names)
    {
        string solution = _folder.PathOf("packages.slnx");
        string sources = Path.GetRelativePath(_folder.PathOf("."), PublishedProgram.Sources!);
        IEnumerable<string> projects = names.Select(name => $"""<Project Path="{sources}/src/{name}/{name}.csproj" />""");
        File.WriteAllText(solution, $"<Solution>{string.Concat(projects)}</Solution>");
        PackWith(solution);
    }

    /// <summary>One for each kind of system; the one without a name of any only says which there are.</summary>
    private void PackTool(string runtime) =>
        PackWith(Path.Combine(PublishedProgram.Sources!, "src", ToolName, ToolName + ".csproj"), "-r", runtime);

    private void PackWith(string project, params string[] options) => PublishedProgram.DotNet(
        _folder.PathOf("pack.log"),
        [
            "pack", project, "-c", "Release", "--nologo", "-v", "q", "-o", _folder.PathOf("feed"), "--artifacts-path", _folder.PathOf("artifacts"),
            "-p:RunAnalyzers=false", "-p:EnforceCodeStyleInBuild=false", "-p:UseSharedCompilation=false", "-p:Version=" + Version, .. options,
        ]);

    private string[] Entries(string package)
    {
        using ZipArchive archive = ZipFile.OpenRead(_folder.PathOf($"feed/{package}.{Version}.nupkg"));
        return [.. archive.Entries.Select(entry => entry.FullName)];
    }

    private void ShouldBeComplete(string package)
    {
        using ZipArchive archive = ZipFile.OpenRead(_folder.PathOf($"feed/{package}.{Version}.nupkg"));
        archive.GetEntry("README.md").ShouldNotBeNull();
        archive.GetEntry("icon.png").ShouldNotBeNull();
        using var reader = new StreamReader(archive.GetEntry(package + ".nuspec")!.Open());
        string description = reader.ReadToEnd();
        description.ShouldContain("<license type=\"expression\">MIT</license>");
        description.ShouldContain("<readme>README.md</readme>");
        description.ShouldContain("<tags>");
        description.ShouldContain("<repository type=\"git\"");
        File.Exists(_folder.PathOf($"feed/{package}.{Version}.snupkg")).ShouldBe(package != $"{ToolName}.linux-x64", "symbols, but of machine code");
    }

    private void ShouldHoldCompiledLibrary(string name)
    {
        string[] entries = Entries(name);
        entries.Contains($"lib/net10.0/{name}.xml", StringComparer.Ordinal).ShouldBeTrue();
        entries.Contains($"runtimes/linux-x64/lib/net10.0/{name}.dll", StringComparer.Ordinal).ShouldBeTrue("compiled ahead");
    }

    /// <summary>A program of the code in the packages' read-me files, each block in a class of its own, and a few accesses that are run.</summary>
    private void WriteConsumer()
    {
        string project = _folder.PathOf("consumer");
        Directory.CreateDirectory(project);
        File.WriteAllText(Path.Combine(project, "Consumer.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <TargetFramework>net10.0</TargetFramework>
                <OutputType>Exe</OutputType>
                <Nullable>enable</Nullable>
                <ImplicitUsings>enable</ImplicitUsings>
                <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
                <NoWarn>CS8321</NoWarn>
                <InvariantGlobalization>true</InvariantGlobalization>
                <RestoreAdditionalProjectSources>{_folder.PathOf("feed")}</RestoreAdditionalProjectSources>
                <RestorePackagesPath>{_folder.PathOf("packages")}</RestorePackagesPath>
                <RestoreFallbackFolders>{PublishedProgram.PackageCache}</RestoreFallbackFolders>
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="Hyperspan.Testing" Version="{Version}" />
                <PackageReference Include="Hyperspan.Kvm" Version="{Version}" />
              </ItemGroup>
            </Project>
            """);
        File.WriteAllText(Path.Combine(project, "Program.cs"), """
            using Hyperspan;
            using System.Runtime;
            using var memory = new GuestMemory(new HeapBacking(1 << 20), "ram");
            memory.Write(0x1000, 0x1122334455667788UL);
            Console.WriteLine($"{memory.Read<ulong>(0x1000):x} {memory.TryRead(1 << 20, out byte _, out GuestMemoryFault fault)} {fault}");
            using var sparse = new GuestMemory(new SparseBacking(1 << 20), "sparse");
            Console.WriteLine($"{sparse.TryRead(0x3000, out ulong _, out fault)} {fault.Kind}");

            // Some three hundred more where nothing is compiled ahead.
            Console.WriteLine($"{JitInfo.GetCompiledMethodCount()} methods compiled as they were called");
            """);
        foreach (string name in Libraries)
        {
            string code = CodeBlocks().Match(File.ReadAllText(Path.Combine(PublishedProgram.Sources!, "src", name, "README.md"))).Groups[1].Value;
            string[] lines = code.Split('\n');
            File.WriteAllText(Path.Combine(project, name + ".cs"), $$"""
                {{string.Join('\n', lines.Where(IsDirective))}}
                internal static class Code{{name.Replace(".", "", StringComparison.Ordinal)}}
                {
                    internal static void Run()
                    {
                {{string.Join('\n', lines.Where(line => !IsDirective(line)))}}
                    }
                }
                """);
        }

        static bool IsDirective(string line) => line.StartsWith("using Hyperspan", StringComparison.Ordinal) && line.EndsWith(';') && !line.Contains('=', StringComparison.Ordinal);
    }

    private void ShouldRun(string form, params string[] options)
    {
        string output = _folder.PathOf(form);
        PublishedProgram.DotNet(_folder.PathOf(form + ".log"), ["publish", _folder.PathOf("consumer"), "-c", "Release", "--nologo", "-v", "q", "-o", output, .. options]);
        using ToolProcess consumer = ToolProcess.StartProgram(Path.Combine(output, "Consumer"));
        ToolResult result = consumer.WaitForExit();
        result.ShouldEndWith(0);
        result.Output.ShouldStartWith("1122334455667788 False ");
        Match end = CompiledMethods().Match(result.Output);
        end.Success.ShouldBeTrue(result.Output);

        // Trimming takes what was compiled ahead out again, of the framework too; NativeAOT compiles nothing as it goes.
        int most = form == "trimmed" ? int.MaxValue : 200;
        int.Parse(end.Groups["count"].Value, CultureInfo.InvariantCulture).ShouldBeLessThan(most, "the packages' libraries are compiled ahead");
    }
}
