using System.Diagnostics;

using Hyperspan.Tool.Tests.Infrastructure;
using Hyperspan.Virtio;

namespace Hyperspan.Tool.Tests;

/// <summary>The command in each form in which it can be published: it is made from the sources, and demo, doctor and serve are run once.</summary>
public sealed class PublishedFormTests : IDisposable
{
    private const int Terminate = 15;
    private const ulong Data = 0x8_0000;
    private static readonly TimeSpan PublishTimeout = TimeSpan.FromMinutes(8);

    private readonly TemporaryFolder _folder = new();

    public PublishedFormTests()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "needs Linux");
        Skip.If(Sources() is null, "needs the sources beside the tests, to publish from");
    }

    public void Dispose() => _folder.Dispose();

    [SkippableTheory]
    [InlineData("framework dependent")]
    [InlineData("single file", "-r", "linux-x64", "--self-contained", "false", "-p:PublishSingleFile=true")]
    [InlineData("trimmed", "-r", "linux-x64", "--self-contained", "true", "-p:PublishTrimmed=true")]
    [InlineData("NativeAOT", "-r", "linux-x64", "-p:PublishAot=true")]
    public void Demo_doctor_and_serve_work_as_published(string form, params string[] options)
    {
        Skip.If(form == "NativeAOT" && !IsOnPath("clang") && !IsOnPath("gcc"), "needs clang or gcc, to link a NativeAOT program");
        string program = Publish(options);

        using (ToolProcess demo = ToolProcess.StartProgram(program, "demo"))
        {
            ToolResult result = demo.WaitForExit();
            result.ShouldEndWith(0);
            result.Output.ShouldContain("Verified");
        }

        using (ToolProcess doctor = ToolProcess.StartProgram(program, "doctor", "--json"))
        {
            ToolResult result = doctor.WaitForExit();
            result.ShouldEndWith(0);
            System.Text.Json.JsonDocument.Parse(result.Output).RootElement.EnumerateObject().ShouldNotBeEmpty();
        }

        string socket = _folder.PathOf("s");
        string image = _folder.CreateImage("disk.img", 1 << 20);
        using ToolProcess server = ToolProcess.StartProgram(program, "serve", "block", "--socket", socket, "--image", image);
        server.WaitForLog("listening");
        using (var guest = new Guest(socket))
        {
            guest.Memory.Write(Data, 0x1122334455667788UL);
            guest.Disk.Write(1, Data, 512).ShouldBe(BlockStatus.Ok);
        }

        server.Signal(Terminate);
        server.WaitForExit().ShouldEndWith(0);
        BitConverter.ToUInt64(File.ReadAllBytes(image), 512).ShouldBe(0x1122334455667788UL);
    }

    private static bool IsOnPath(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => folder.Length > 0 && File.Exists(Path.Combine(folder, program)));

    private static string? Sources()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string project = Path.Combine(folder.FullName, "src", "Hyperspan.Tool", "Hyperspan.Tool.csproj");
            if (File.Exists(project))
            {
                return project;
            }
        }

        return null;
    }

    /// <summary>Publishes into the folder of this test, with its intermediate files there too: the build of the tests is left alone.</summary>
    private string Publish(string[] options)
    {
        var start = new ProcessStartInfo("dotnet") { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        string output = _folder.PathOf("published");
        foreach (string argument in (string[])
            [
                "publish", Sources()!, "-c", "Release", "--nologo", "-v", "q", "-o", output, "--artifacts-path", _folder.PathOf("artifacts"),
                "-p:RunAnalyzers=false", "-p:EnforceCodeStyleInBuild=false", "-p:UseSharedCompilation=false", .. options,
            ])
        {
            start.ArgumentList.Add(argument);
        }

        foreach (string name in start.Environment.Keys.Where(name => name.StartsWith("MSBuild", StringComparison.OrdinalIgnoreCase)).ToList())
        {
            start.Environment.Remove(name);
        }

        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        using Process publish = Process.Start(start)!;
        Task<string> error = publish.StandardError.ReadToEndAsync();
        Task<string> text = publish.StandardOutput.ReadToEndAsync();
        if (!publish.WaitForExit(PublishTimeout))
        {
            publish.Kill(entireProcessTree: true);
            throw new TimeoutException("publishing did not end");
        }

        // A warning is an error in all of them: trimming and AOT have none.
        publish.ExitCode.ShouldBe(0, text.Result + error.Result);
        return Path.Combine(output, "Hyperspan.Tool");
    }
}
