using System.Diagnostics;
using Hyperspan.EndToEnd.Harness;

namespace Hyperspan.EndToEnd;

/// <summary>Tests of other platforms: one after the other, from folders that are laid out once.</summary>
[CollectionDefinition(Name)]
public sealed class OtherPlatforms : ICollectionFixture<PlatformFolders>
{
    public const string Name = "other platforms";

    /// <summary>Skips a test that takes minutes unless it is asked for, and one without its sources.</summary>
    internal static void SkipUnlessWanted()
    {
        Skip.If(
            !TestBed.Required && Environment.GetEnvironmentVariable("HYPERSPAN_PLATFORMS") is null,
            "another platform takes minutes: HYPERSPAN_E2E_REQUIRED=1 or HYPERSPAN_PLATFORMS=1 tries it, as .ci/run does");
        Skip.If(PlatformFolders.Repository is null, "the sources are not there");
    }

    /// <summary>Runs the model of guest memory here, by the runtime that runs the tests, for its digest.</summary>
    /// <param name="arguments">Those of the program.</param>
    internal static async Task<string> OutputOfModelAsync(params string[] arguments)
    {
        string dotnet = Environment.ProcessPath!;
        string program = Path.GetFileNameWithoutExtension(dotnet) == "dotnet" ? dotnet : "dotnet";
        (int code, string output) = await PlatformFolders.RunAsync(
            new ProcessStartInfo(program, [BuiltProgram.Find("tests/Hyperspan.TestHost")!, "model", .. arguments]));
        code.ShouldBe(0, output);
        return output.Trim();
    }
}
