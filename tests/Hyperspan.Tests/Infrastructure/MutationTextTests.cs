namespace Hyperspan.Tests;

/// <summary>The list of breakages in tests/mutations quotes the code as it is: one that no longer occurs tries nothing.</summary>
public sealed class MutationTextTests
{
    [Fact]
    public void Every_quoted_text_occurs_once_in_its_file()
    {
        string[] lines = File.ReadAllLines(Path.Combine(Repository.Root, "tests", "mutations", "mutations.txt"));
        List<string> wrong = [];
        int entries = 0;
        string title = "";
        string file = "";
        List<string> quoted = [];
        foreach (string line in lines)
        {
            if (line.StartsWith("# ", StringComparison.Ordinal))
            {
                title = line[2..];
            }
            else if (line.StartsWith("@ ", StringComparison.Ordinal))
            {
                file = line[2..];
            }
            else if (line.StartsWith("- ", StringComparison.Ordinal))
            {
                quoted.Add(line[2..]);
            }
            else if (line.StartsWith("? ", StringComparison.Ordinal))
            {
                entries++;
                string path = Path.Combine(Repository.Root, file);
                string text = File.Exists(path) ? File.ReadAllText(path) : "";
                int times = text.Split(string.Join('\n', quoted)).Length - 1;
                if (times != 1)
                {
                    wrong.Add($"{title}: {times} times in {file}");
                }

                quoted.Clear();
            }
        }

        entries.ShouldBeGreaterThan(50);
        wrong.ShouldBeEmpty();
    }
}
