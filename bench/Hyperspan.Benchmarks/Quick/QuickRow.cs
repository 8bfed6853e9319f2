using System.Diagnostics;
using System.Globalization;

namespace Hyperspan.Benchmarks.Quick;

/// <summary>
/// One row, measured in a process of its own: what the optimizer takes for the usual way is then what this row does, as in a program that does it, and not what rows before it did.
/// </summary>
internal static class QuickRow
{
    internal const string Argument = "--row";

    /// <summary>Measures a row in a child process. The second answer is how long the first guarded access of that process took.</summary>
    /// <exception cref="InvalidOperationException">The child ended with an error; the message has what it said.</exception>
    internal static (QuickResult Result, TimeSpan FirstAccess) Measure(Operation operation)
    {
        string program = Environment.ProcessPath!;
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, UseShellExecute = false };
        if (Path.GetFileNameWithoutExtension(program).Equals("dotnet", StringComparison.OrdinalIgnoreCase))
        {
            start.ArgumentList.Add(typeof(QuickRow).Assembly.Location);
        }

        foreach (string argument in (string[])["quick", Argument, operation.Name])
        {
            start.ArgumentList.Add(argument);
        }

        using Process child = Process.Start(start) ?? throw new InvalidOperationException("no process was started");
        string output = child.StandardOutput.ReadToEnd();
        child.WaitForExit();
        string[] figures = output.Split(' ', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (child.ExitCode != 0 || figures.Length != 3)
        {
            throw new InvalidOperationException($"the process for {operation.Name} ended with {child.ExitCode}: {output}");
        }

        double[] numbers = Array.ConvertAll(figures, figure => double.Parse(figure, CultureInfo.InvariantCulture));
        return (new QuickResult(operation, numbers[0], numbers[1]), TimeSpan.FromMilliseconds(numbers[2]));
    }

    /// <summary>The child's side: measures and writes nanoseconds, the baseline's, and milliseconds of the first guarded access.</summary>
    internal static void Run(Operation operation)
    {
        TimeSpan first = StartUp.FirstGuardedAccess();
        QuickResult result = QuickRunner.Measure(operation);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{result.Nanoseconds:R} {result.BaselineNanoseconds:R} {first.TotalMilliseconds:R}"));
    }
}
