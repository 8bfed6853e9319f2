using System.Globalization;
using Spectre.Console;

namespace Hyperspan.Benchmarks.Quick;

/// <summary>Prints results as a table with a bar a row: how much of the aim the ratio takes.</summary>
internal static class QuickReport
{
    private const int BarWidth = 16;

    internal static void Print(IReadOnlyList<QuickResult> results, IAnsiConsole console)
    {
        Table table = new Table().Border(TableBorder.Rounded);
        table.AddColumn("operation");
        table.AddColumn("floor");
        table.AddColumn(new TableColumn("ns").RightAligned());
        table.AddColumn(new TableColumn("ours, ns").RightAligned());
        table.AddColumn(new TableColumn("ratio").RightAligned());
        table.AddColumn(new TableColumn("aim").RightAligned());
        table.AddColumn("");
        table.AddColumn("of the aim");
        foreach (QuickResult result in results)
        {
            string color = result.Met ? "green" : "red";
            table.AddRow(
                Markup.Escape(result.Operation.Name),
                Markup.Escape(result.Floor),
                result.Floor.Length == 0 ? "" : Number(result.FloorNanoseconds),
                Number(result.Nanoseconds),
                result.Floor.Length == 0 ? "" : result.Ratio.ToString("0.00", CultureInfo.InvariantCulture),
                Aim(result.Operation),
                $"[{color}]{(result.Met ? "met" : "not met")}[/]",
                $"[{color}]{Bar(result)}[/]");
        }

        console.Write(table);
        int met = results.Count(static result => result.Met);
        console.MarkupLine($"{met} of {results.Count} aims met. Aims in ns were stated for a machine whose raw read takes {Operation.ReferenceRead} ns, and are scaled by that.");
    }

    private static string Aim(Operation operation)
    {
        string ratio = operation.Aim.ToString("0.00", CultureInfo.InvariantCulture);
        if (operation.Outright is not null)
        {
            return string.Create(CultureInfo.InvariantCulture, $"{operation.AimNanoseconds:0} ns");
        }

        return operation.AimNanoseconds is { } time ? string.Create(CultureInfo.InvariantCulture, $"{time:0.##} ns = {ratio}") : ratio;
    }

    private static string Bar(QuickResult result)
    {
        // The bar is full where the ratio is twice the aim; its middle is the aim.
        int filled = (int)Math.Clamp(Math.Round(result.Ratio / result.Operation.Aim * BarWidth / 2), 1, BarWidth);
        return new string('█', filled) + new string('░', BarWidth - filled);
    }

    private static string Number(double nanoseconds) =>
        nanoseconds.ToString(nanoseconds < 100 ? "0.00" : "0", CultureInfo.InvariantCulture);
}
