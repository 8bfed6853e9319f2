using System.Reflection;
using System.Text.RegularExpressions;
using Hyperspan.Kvm;
using Hyperspan.Testing;
using Hyperspan.VhostUser;
using Hyperspan.Virtio;

namespace Hyperspan.Consumer.Tests;

/// <summary>The guides: their code is code that these tests run, or that is built as a sample; and the names of ours that they give exist.</summary>
public partial class GuideTests
{
    private const BindingFlags Any = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.FlattenHierarchy;

    private static readonly string? Root = FindRoot();

    [SkippableFact]
    public void Code_in_guides_is_code_that_is_run()
    {
        Skip.If(Root is null, "needs the sources beside the tests");
        string[] sources =
        [
            .. Directory.EnumerateFiles(Path.Combine(Root, "tests/Hyperspan.Consumer.Tests"), "*.cs").SelectMany(file => Marked(File.ReadAllText(file))),
            .. Directory.EnumerateFiles(Path.Combine(Root, "samples/EntropyDevice"), "*.cs").Select(file => Normal(File.ReadAllText(file))),
        ];
        int blocks = 0;
        foreach (string guide in Directory.EnumerateFiles(Path.Combine(Root, "docs/guides"), "*.md"))
        {
            foreach (Match block in CodeBlocks().Matches(File.ReadAllText(guide)))
            {
                blocks++;
                string code = Normal(block.Groups["code"].Value);
                sources.Any(source => source.Contains(code, StringComparison.Ordinal)).ShouldBeTrue($"{guide} has code that is nowhere run:\n{code}");
            }
        }

        blocks.ShouldBeGreaterThan(5);
    }

    [SkippableFact]
    public void Names_of_ours_in_the_table_of_names_exist()
    {
        Skip.If(Root is null, "needs the sources beside the tests");
        ILookup<string, Type> types = ((Assembly[])
            [typeof(GuestMemory).Assembly, typeof(VirtQueue).Assembly, typeof(VhostUserServer).Assembly, typeof(VhostUserFrontEnd).Assembly, typeof(KvmPartition).Assembly])
            .SelectMany(assembly => assembly.GetExportedTypes())
            .ToLookup(type => type.Name.Split('`')[0], StringComparer.Ordinal);
        int names = 0;
        foreach (string row in File.ReadLines(Path.Combine(Root, "docs/guides/names.md")).Where(line => line.StartsWith('|') && line.Count(c => c == '|') is 3 or 5))
        {
            foreach (Match match in Names().Matches(row.Split('|')[^2]))
            {
                names++;
                string[] parts = match.Groups["name"].Value.Split('.');
                types[parts[0]].Any(type => parts.Length == 1 || type.GetMember(parts[1], Any).Length != 0).ShouldBeTrue(match.Value);
            }
        }

        names.ShouldBeGreaterThan(75);
    }

    [GeneratedRegex("```csharp\n(?<code>.*?)```", RegexOptions.Singleline | RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex CodeBlocks();

    [GeneratedRegex("`(?<name>[A-Z][A-Za-z0-9]*(\\.[A-Z][A-Za-z0-9]*)?)`", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex Names();

    [GeneratedRegex("// <guide>\n(?<code>.*?)// </guide>", RegexOptions.Singleline | RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex Marks();

    private static IEnumerable<string> Marked(string text) => Marks().Matches(text).Select(match => Normal(match.Groups["code"].Value));

    /// <summary>Without what says nothing: the indentation.</summary>
    private static string Normal(string code) => string.Join('\n', code.Split('\n').Select(static line => line.Trim())).Trim();

    private static string? FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Hyperspan.slnx")))
            {
                return folder.FullName;
            }
        }

        return null;
    }
}
