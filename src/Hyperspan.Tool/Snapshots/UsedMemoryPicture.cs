using Hyperspan.Tool.Output;

using Spectre.Console;

namespace Hyperspan.Tool.Snapshots;

/// <summary>Draws where memory is used: a bar for each of the first regions, a cell for an equal part of it.</summary>
internal static class UsedMemoryPicture
{
    /// <summary>How many regions are drawn.</summary>
    internal const int Shown = 20;

    private const int NarrowestBar = 16;

    internal static void Write(IAnsiConsole console, IReadOnlyList<UsedMemory> regions, string verb, string one = "region", int? total = null)
    {
        bool unicode = console.Profile.Capabilities.Unicode;
        int cells = Math.Clamp(console.Profile.Width - 4, NarrowestBar, UsedMemory.Parts);
        foreach (UsedMemory region in regions.Take(Shown))
        {
            string head = $"{region.Region.Range.Start} {Units.Bytes(region.Region.Range.Length)} {Printable.Of(region.Region.Name)}, {Units.Bytes(region.Bytes)} {verb}";
            console.Write(new Padder(new Text(head), new Padding(2, 0, 0, 0)));
            var bar = new Paragraph("  ");
            for (int i = 0; i < cells; i++)
            {
                (ulong used, ulong all) = region.Part(i, cells);
                bar.Append(UsageGlyph.Of(used, all, unicode).ToString(), used == 0 ? Color.Grey : Color.Green);
            }

            bar.Append(Environment.NewLine);
            console.Write(bar);
        }

        var legend = new Paragraph("  ");
        legend.Append(UsageGlyph.Marks(unicode), Color.Green).Append($" {verb}  ");
        legend.Append(UsageGlyph.Unused(unicode).ToString(), Color.Grey).Append(" not" + Environment.NewLine);
        console.Write(legend);
        int more = (total ?? regions.Count) - Shown;
        if (more > 0)
        {
            Terminal.WriteLine($"  ... and {Units.Things(more, one)} more; --json lists all");
        }
    }
}
