using System.Globalization;

namespace Hyperspan.Conventions.Tests;

/// <summary>Lines of C# end where .editorconfig says.</summary>
public class LineLengthTests
{
    private static readonly string[] Folders = ["src", "tests", "bench", "samples", "tools"];

    [SkippableFact]
    public void No_line_is_longer_than_stated()
    {
        Skip.If(Sources.Root is null, "needs the sources beside the tests");
        string stated = File.ReadLines(Path.Combine(Sources.Root, ".editorconfig")).Single(line => line.StartsWith("max_line_length", StringComparison.Ordinal));
        int most = int.Parse(stated.Split('=')[1], CultureInfo.InvariantCulture);
        string[] longer =
        [
            .. from folder in Folders
               from file in Sources.Under(folder)
               from line in File.ReadLines(file).Index()
               where line.Item.Length > most
               select $"{Path.GetRelativePath(Sources.Root, file)}:{line.Index + 1}: {line.Item.Length} characters",
        ];
        longer.ShouldBe([]);
    }
}
