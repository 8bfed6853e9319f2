using Spectre.Console;
using Spectre.Console.Rendering;

namespace Hyperspan.Tool.Doctor;

/// <summary>Writes what was found for people to read.</summary>
internal static class DoctorScreen
{
    private const int WideEnoughForColumns = 70;

    internal static void Write(IAnsiConsole console, DoctorReport report)
    {
        bool wide = console.Profile.Width >= WideEnoughForColumns;
        foreach (Check check in report.Checks)
        {
            console.Write(wide ? (IRenderable)Wide(check) : Narrow(check));
        }

        console.WriteLine();
        int missing = report.Checks.Count(check => check.Essential && check.Status == CheckStatus.Missing);
        int lacking = report.Checks.Count(check => !check.Essential && check.Status == CheckStatus.Missing);
        string optional = lacking == 0 ? "" : $" {lacking} optional {(lacking == 1 ? "thing is" : "things are")} missing.";
        console.Write(report.Ready
            ? new Text("Everything essential is there." + optional + Environment.NewLine, Color.Green)
            : new Text($"{missing} essential {(missing == 1 ? "thing is" : "things are")} missing.{optional}{Environment.NewLine}", Color.Red));
    }

    private static Grid Wide(Check check)
    {
        var grid = new Grid();
        grid.AddColumn(new GridColumn { NoWrap = true, Width = 7, Padding = new Padding(0, 0, 1, 0) });
        grid.AddColumn(new GridColumn { Width = 22, Padding = new Padding(0, 0, 1, 0) });
        grid.AddColumn(new GridColumn { Padding = new Padding(0, 0, 0, 0) });
        grid.AddRow(Mark(check), new Text(check.Title), Details(check));
        return grid;
    }

    private static Rows Narrow(Check check)
    {
        var title = new Paragraph();
        title.Append(Word(check), Style(check)).Append(" " + check.Title);
        return new Rows(title, new Padder(Details(check), new Padding(2, 0, 0, 0)));
    }

    private static Rows Details(Check check)
    {
        var lines = new List<IRenderable> { new Text(check.Found), new Text(check.UsedFor, Color.Grey) };
        if (check.Remedy is { } remedy)
        {
            lines.Add(new Text("To get it: " + remedy, Color.Yellow));
        }

        return new Rows(lines);
    }

    private static Text Mark(Check check) => new(Word(check), Style(check));

    private static string Word(Check check) => check.Status switch
    {
        CheckStatus.Ok => "ok",
        CheckStatus.Limited => "limited",
        _ => check.Essential ? "MISSING" : "missing",
    };

    private static Style Style(Check check) => check.Status switch
    {
        CheckStatus.Ok => Color.Green,
        CheckStatus.Limited => Color.Yellow,
        _ => check.Essential ? Color.Red : Color.Yellow,
    };
}
