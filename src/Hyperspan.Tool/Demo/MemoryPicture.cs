using Hyperspan.Tool.Output;

using Spectre.Console;

namespace Hyperspan.Tool.Demo;

/// <summary>Draws the memory map: a bar for each region, a cell for an equal part of it.</summary>
internal static class MemoryPicture
{
    private const int MostCells = 100;

    private static readonly CellStyles Styles = new(Gone: Color.Red, Rings: Color.Yellow, Headers: Color.Blue, Touched: Color.Green, Untouched: Color.Grey);

    internal static void Write(IAnsiConsole console, IReadOnlyList<DemoRegionReport> regions)
    {
        if (regions.Count == 0)
        {
            return;
        }

        bool unicode = console.Profile.Capabilities.Unicode;
        ulong all = (ulong)regions.Sum(region => (long)region.Length);
        ulong touched = (ulong)regions.Sum(region => (long)region.TouchedBytes);
        console.WriteLine();
        Plain(console, $"Guest memory: {Units.Bytes(all)} in {regions.Count} regions, {Units.Bytes(touched)} touched");
        int cells = Math.Clamp(console.Profile.Width - 4, 16, MostCells);
        foreach (DemoRegionReport region in regions)
        {
            string state = region.Truncated ? "truncated" : region.Sealed ? "sealed" : "not sealed";
            string head = $"{region.Start} {Units.Bytes(region.Length)} {region.Name}, {state}, {Units.Bytes(region.TouchedBytes)} touched";
            console.Write(new Padder(new Text(head), new Padding(2, 0, 0, 0)));
            var bar = new Paragraph("  ");
            for (int i = 0; i < cells; i++)
            {
                (char character, Style style) = Cell(region, i, cells, unicode);
                bar.Append(character.ToString(), style);
            }

            bar.Append(Environment.NewLine);
            console.Write(bar);
        }

        var legend = new Paragraph("  ");
        legend.Append("R", Styles.Rings).Append(" rings  ").Append("H", Styles.Headers).Append(" headers  ");
        legend.Append(UsageGlyph.Marks(unicode), Styles.Touched).Append(" touched  ");
        legend.Append(UsageGlyph.Unused(unicode).ToString(), Styles.Untouched).Append(" not  ").Append("x", Styles.Gone).Append(" gone" + Environment.NewLine);
        console.Write(legend);
    }

    /// <summary>What a cell shows: the most important thing that lies in its part of the region.</summary>
    internal static (char Character, Style Style) Cell(DemoRegionReport region, int index, int cells, bool unicode)
    {
        ulong from = (ulong)((UInt128)region.Length * (uint)index / (uint)cells);
        ulong to = (ulong)((UInt128)region.Length * (uint)(index + 1) / (uint)cells);
        if (region.Truncated)
        {
            return ('x', Styles.Gone);
        }

        foreach (DemoUse use in region.Uses)
        {
            ulong start = use.Start.Value - region.Start.Value;
            bool isHere = start < to && start + use.Length > from;
            if (isHere && use.Kind == DemoUse.Rings)
            {
                return ('R', Styles.Rings);
            }

            if (isHere && use.Kind == DemoUse.Headers)
            {
                return ('H', Styles.Headers);
            }
        }

        ulong touched = 0;
        foreach ((ulong start, ulong length) in region.Touched)
        {
            ulong first = Math.Max(start, from);
            ulong last = Math.Min(start + length, to);
            touched += last > first ? last - first : 0;
        }

        return (UsageGlyph.Of(touched, to - from, unicode), touched == 0 ? Styles.Untouched : Styles.Touched);
    }

    private static void Plain(IAnsiConsole console, string text) => console.Write(new Text(text + Environment.NewLine));

    private readonly record struct CellStyles(Style Gone, Style Rings, Style Headers, Style Touched, Style Untouched);
}
