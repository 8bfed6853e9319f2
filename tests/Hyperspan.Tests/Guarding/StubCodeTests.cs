using Hyperspan.Guarding;
using Hyperspan.Stubs;

namespace Hyperspan.Tests.Guarding;

public class StubCodeTests
{
    [Fact]
    public void The_machine_code_in_the_library_is_what_its_source_assembles_to() =>
        StubCode.Image.ToArray().ShouldBe(StubProgram.Assemble().Bytes);

    [Fact]
    public void The_listing_in_the_repository_is_that_of_the_source()
    {
        using Stream? stream = typeof(StubCodeTests).Assembly.GetManifestResourceStream("StubCode.g.cs");
        using var reader = new StreamReader(stream.ShouldNotBeNull());
        reader.ReadToEnd().ShouldBe(new StubListing(StubProgram.Assemble()).Render(), "run tools/Hyperspan.Stubs, see docs/stubs.md");
    }
}
