using System.Globalization;

using Hyperspan.Tool.Output;

using Spectre.Console;

namespace Hyperspan.Tool.Demo;

/// <summary>Shows the demonstration to people: while it runs, and at the end.</summary>
internal static class DemoScreen
{
    private const int WideEnoughForDetails = 100;
    private const int WideEnoughForTable = 60;
    private const int WideEnoughForPercentage = 60;
    private const int ShownHashDigits = 16;

    /// <summary>Runs it, with progress where somebody watches.</summary>
    internal static DemoReport Run(IAnsiConsole console, CancellationToken cancellationToken)
    {
        if (!console.Profile.Out.IsTerminal || !console.Profile.Capabilities.Ansi)
        {
            return DemoRun.Execute(new SilentProgress(), cancellationToken);
        }

        var columns = new List<ProgressColumn>
        {
            new TaskDescriptionColumn { Alignment = Justify.Left },
            new ProgressBarColumn { Width = Math.Clamp(console.Profile.Width - 40, 10, 40) },
            new RateColumn(),
        };
        if (console.Profile.Width >= WideEnoughForPercentage)
        {
            columns.Insert(2, new PercentageColumn());
        }

        return console.Progress()
            .AutoClear(true)
            .Columns([.. columns])
            .Start(context => DemoRun.Execute(new LiveProgress(context), cancellationToken));
    }

    /// <summary>Writes what was done.</summary>
    internal static void Write(IAnsiConsole console, DemoReport report)
    {
        WriteSteps(console, report);
        WriteHashes(console, report);
        WriteFault(console, report);
        MemoryPicture.Write(console, report.Memory);
        console.WriteLine();
        console.Write(report.Verified
            ? Line($"Verified, in {Units.Duration(TimeSpan.FromSeconds(report.Seconds))}.", Color.Green)
            : Line($"NOT verified: {report.Error ?? "the checksums differ"}", Color.Red));
    }

    private static void WriteSteps(IAnsiConsole console, DemoReport report)
    {
        int width = console.Profile.Width;
        var table = new Table { Border = width >= WideEnoughForTable ? TableBorder.Rounded : TableBorder.None };
        if (!console.Profile.Capabilities.Unicode)
        {
            table.Border = width >= WideEnoughForTable ? TableBorder.Ascii : TableBorder.None;
        }

        bool wide = width >= WideEnoughForTable;
        bool details = width >= WideEnoughForDetails;
        table.AddColumn(new TableColumn("Step") { NoWrap = true });
        table.AddColumn(new TableColumn(wide ? "Requests" : "Req.") { NoWrap = true, Alignment = Justify.Right });
        if (wide)
        {
            table.AddColumn(new TableColumn("Data") { NoWrap = true, Alignment = Justify.Right });
        }

        table.AddColumn(new TableColumn("Time") { NoWrap = true, Alignment = Justify.Right });
        table.AddColumn(new TableColumn("Rate") { NoWrap = true, Alignment = Justify.Right });
        if (details)
        {
            table.AddColumn("What it shows");
        }

        foreach (DemoStep step in report.Steps)
        {
            var cells = new List<Text> { new(step.Name, step.Verified ? Color.Green : Color.Red), new(Blank(step.Requests)) };
            if (wide)
            {
                cells.Add(new Text(step.Bytes == 0 ? "" : Units.Bytes(Math.Round(step.Bytes / 1024.0) * 1024)));
            }

            cells.Add(new Text(Units.Duration(step.Time)));
            cells.Add(new Text(Rate(step)));
            if (details)
            {
                cells.Add(new Text(step.Detail));
            }

            table.AddRow(cells);
        }

        console.Write(table);
        if (!details)
        {
            foreach (DemoStep step in report.Steps)
            {
                console.Write(Line($"{step.Name}: {step.Detail}", Style.Plain));
            }
        }
    }

    private static void WriteHashes(IAnsiConsole console, DemoReport report)
    {
        DemoHashes hashes = report.Hashes;
        console.WriteLine();
        if (hashes.AllEqual)
        {
            console.Write(Line($"SHA-256 {hashes.Written![..ShownHashDigits]}… = as written = as read back = in the image = after reconnecting", Style.Plain));
            return;
        }

        foreach ((string name, string? hash) in new[]
        {
            ("written", hashes.Written), ("read back", hashes.ReadBack), ("image", hashes.Image), ("reconnected", hashes.Reconnected),
        })
        {
            console.Write(Line($"SHA-256 {name}: {hash ?? "not taken"}", Style.Plain));
        }
    }

    private static void WriteFault(IAnsiConsole console, DemoReport report)
    {
        if (report.Fault is { } fault)
        {
            console.WriteLine();
            console.Write(Line("When memory was truncated under the device:", Style.Plain));
            console.Write(Line($"  device  {fault.Device}", Color.Yellow));
            console.Write(Line($"  guest   {fault.Guest}", Color.Yellow));
        }
    }

    private static string Rate(DemoStep step) => step.Requests < 100
        ? ""
        : step.Bytes / (ulong)step.Requests < 64 << 10
            ? $"{Units.Count(Units.PerSecond(step.Requests, step.Time))}/s"
            : Units.ByteRate(step.Bytes, step.Time);

    private static string Blank(long count) => count == 0 ? "" : count.ToString("#,0", CultureInfo.InvariantCulture);

    private static Text Line(string text, Style style) => new(text + Environment.NewLine, style);
}
