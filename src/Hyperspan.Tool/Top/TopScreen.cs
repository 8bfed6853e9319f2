using System.Globalization;

using Hyperspan.Tool.Output;

using Spectre.Console;
using Spectre.Console.Rendering;

namespace Hyperspan.Tool.Top;

/// <summary>Shows what a process that serves does.</summary>
internal static class TopScreen
{
    /// <summary>The most rows of a table: more than there are for as many disks as a process may serve. A table is held whole, and each of its cells costs.</summary>
    internal const int MostRows = 2048;

    internal static IRenderable Render(string where, TopSample sample)
    {
        string processors = sample.Processors.ToString("0.00", CultureInfo.InvariantCulture);
        return new Rows(
            new Text(
                $"{Printable.Of(where)}: {Units.Count(sample.InFlight)} in flight, {processors} processors, {Units.Bytes(sample.ResidentBytes)} resident"),
            Sockets(sample.Sockets),
            Operations(sample.Operations));
    }

    private static Rows Sockets(IReadOnlyList<TopSocket> sockets)
    {
        Table table = Create("Socket", "Front end", "Requests/s", "Interrupts/s", "Errors");
        foreach (TopSocket socket in sockets.Take(MostRows))
        {
            Add(
                table,
                socket.Name.Length == 0 ? "(given)" : socket.Name,
                socket.IsConnected ? "connected" : "none",
                Units.Count(socket.Requests),
                Units.Count(socket.Notifications),
                Units.Count(socket.Errors));
        }

        return WithRest(table, sockets.Count);
    }

    private static IRenderable Operations(IReadOnlyList<TopOperation> operations)
    {
        if (operations.Count == 0)
        {
            return new Text("");
        }

        Table table = Create("Disk", "Operation", "Requests/s", "Bytes/s", "Median", "99 of 100", "Failed");
        foreach (TopOperation operation in operations.Take(MostRows))
        {
            Add(
                table,
                operation.Disk,
                operation.Operation,
                Units.Count(operation.Requests),
                Units.Bytes(Math.Round(operation.Bytes)),
                Time(operation.Median),
                Time(operation.Slowest),
                Units.Count(operation.Failed));
        }

        return WithRest(table, operations.Count);
    }

    private static Rows WithRest(Table table, int count) =>
        count <= MostRows ? new Rows(table) : new Rows(table, new Text($"  and {Units.Count(count - MostRows)} more, which are not shown"));

    private static string Time(double seconds) => double.IsNaN(seconds)
        ? ""
        : seconds < 1e-3
            ? (seconds * 1e6).ToString("0", CultureInfo.InvariantCulture) + " us"
            : Units.Duration(TimeSpan.FromSeconds(seconds));

    private static Table Create(string first, string second, params string[] numbers)
    {
        Table table = new Table().Border(TableBorder.Simple).AddColumn(first).AddColumn(second);
        foreach (string number in numbers)
        {
            table.AddColumn(new TableColumn(number).RightAligned());
        }

        return table;
    }

    // Names come from another process: nothing in them is markup, or reaches the terminal as anything but text.
    private static void Add(Table table, params string[] cells) => table.AddRow(cells.Select(static cell => new Text(Printable.Of(cell))));
}
