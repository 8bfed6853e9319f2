using System.Runtime.CompilerServices;
using Hyperspan.Guarding;
using Hyperspan.Tests.Guarding.Machine;

namespace Hyperspan.Tests.Guarding;

public class StubCodeTests
{
    [Fact]
    public void Bytes_are_what_the_assembler_makes_of_the_program()
    {
        StubImage expected = StubProgram.Assemble();
        Regenerate(expected);
        StubCode.Length.ShouldBe(expected.Bytes.Length);
        var actual = new byte[StubCode.Length];
        StubCode.CopyTo(actual);
        actual.ShouldBe(expected.Bytes);
    }

    [Fact]
    public void Listings_beside_the_bytes_are_what_the_bytes_mean()
    {
        foreach ((var file, var text) in new StubListing(StubProgram.Assemble()).Render())
        {
            using Stream? stream = typeof(StubCodeTests).Assembly.GetManifestResourceStream(file);
            stream.ShouldNotBeNull(file);
            using var reader = new StreamReader(stream);
            reader.ReadToEnd().ShouldBe(text, file);
        }
    }

    [Fact]
    public void Offsets_are_those_of_the_labels()
    {
        StubImage image = StubProgram.Assemble();
        foreach ((var constant, var label) in StubProgram.Entries)
        {
            var field = typeof(StubCode).GetField(
                constant + "Offset", System.Reflection.BindingFlags.Static | System.Reflection.BindingFlags.NonPublic);
            field.ShouldNotBeNull(constant).GetRawConstantValue().ShouldBe(image.Labels[label], constant);
        }
    }

    private static void Regenerate(StubImage image, [CallerFilePath] string self = "")
    {
        if (Environment.GetEnvironmentVariable("HYPERSPAN_REGENERATE_STUBS") != "1")
        {
            return;
        }

        var folder = Path.Combine(Path.GetDirectoryName(self)!, "..", "..", "..", "src", "Hyperspan", "Guarding");
        foreach ((var file, var text) in new StubListing(image).Render())
        {
            File.WriteAllText(Path.Combine(folder, file), text);
        }
    }
}
