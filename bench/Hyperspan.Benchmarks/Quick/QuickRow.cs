using System.Diagnostics;
using System.Globalization;

namespace Hyperspan.Benchmarks.Quick;

/// <summary>
/// One row, measured in a process of its own, which does nothing but what a program that does this would do: what the optimizer takes for the usual way is then what this
/// row does.
/// </summary>
internal static class QuickRow
{
    internal const string Argument = "--row";

    /// <summary>Measures a row in a child process.</summary>
    /// <exception cref="InvalidOperationException">The child ended with an error; the message has what it said.</exception>
    internal static QuickResult Measure(Operation operation)
    {
        if (operation.Outright is { } measure)
        {
            return new QuickResult(operation, measure(), "", operation.AimNanoseconds!.Value, 0.1);
        }

        string[] figures = RunChild([Argument, operation.Name]).Split(' ', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        double[] numbers = Array.ConvertAll(figures, figure => double.Parse(figure, CultureInfo.InvariantCulture));
        return new QuickResult(operation, numbers[0], operation.Floors[(int)numbers[1]].Name, numbers[2], numbers[3]);
    }

    /// <summary>Runs this program again, and returns what it writes.</summary>
    internal static string RunChild(ReadOnlySpan<string> arguments)
    {
        string program = Environment.ProcessPath!;
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, UseShellExecute = false };
        if (Path.GetFileNameWithoutExtension(program).Equals("dotnet", StringComparison.OrdinalIgnoreCase))
        {
            start.ArgumentList.Add(typeof(QuickRow).Assembly.Location);
        }

        start.ArgumentList.Add("quick");
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using Process child = Process.Start(start) ?? throw new InvalidOperationException("no process was started");
        string output = child.StandardOutput.ReadToEnd();
        child.WaitForExit();
        return child.ExitCode == 0
            ? output
            : throw new InvalidOperationException($"the process for {string.Join(' ', arguments)} ended with {child.ExitCode}: {output}");
    }

    /// <summary>The child's side: measures and writes nanoseconds, the number of the fastest floor, the nanoseconds of that, and the spread.</summary>
    internal static void Run(Operation operation)
    {
        (double ours, int floor, double floorTime, double spread) = QuickRunner.Measure(operation);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{ours:R} {floor} {floorTime:R} {spread:R}"));
    }
}
