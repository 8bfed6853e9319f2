using Hyperspan.Tool.Tests.Infrastructure;
using Hyperspan.Virtio;

namespace Hyperspan.Tool.Tests;

/// <summary>The command in each form in which it can be published: it is made from the sources, and demo, doctor and serve are run once.</summary>
public sealed class PublishedFormTests : IDisposable
{
    private const int Terminate = 15;
    private const ulong Data = 0x8_0000;

    private readonly TemporaryFolder _folder = new();

    public PublishedFormTests() => PublishedProgram.Require();

    public void Dispose() => _folder.Dispose();

    [LinuxTheory]
    [InlineData("framework dependent")]
    [InlineData("single file", "-r", "linux-x64", "--self-contained", "false", "-p:PublishSingleFile=true")]
    [InlineData("trimmed", "-r", "linux-x64", "--self-contained", "true", "-p:PublishTrimmed=true")]
    [InlineData("NativeAOT", "-r", "linux-x64", "-p:PublishAot=true")]
    public void Demo_doctor_and_serve_work_as_published(string form, params string[] options)
    {
        Skip.If(form == "NativeAOT" && !PublishedProgram.CanLink, "needs clang or gcc, to link a NativeAOT program");
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

    /// <summary>Publishes into the folder of this test, with its intermediate files there too: the build of the tests is left alone.</summary>
    private string Publish(string[] options)
    {
        string output = _folder.PathOf("published");
        PublishedProgram.DotNet(
            _folder.PathOf("publish.log"),
            [
                "publish", Path.Combine(PublishedProgram.Sources!, "src/Hyperspan.Tool/Hyperspan.Tool.csproj"), "-c", "Release", "--nologo", "-v", "q", "-o", output,
                "--artifacts-path", _folder.PathOf("artifacts"), "-p:RunAnalyzers=false", "-p:EnforceCodeStyleInBuild=false", "-p:UseSharedCompilation=false", .. options,
            ]);
        return Path.Combine(output, "Hyperspan.Tool");
    }
}
