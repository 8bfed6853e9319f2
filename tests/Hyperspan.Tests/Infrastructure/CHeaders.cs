using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace Hyperspan.Tests;

/// <summary>What was copied from C headers, against the C headers of this machine, by its C compiler.</summary>
internal static class CHeaders
{
    /// <summary>Asserts that constants, sizes and offsets are what the headers say. Headers older than a constant leave it out.</summary>
    /// <param name="includes">The headers.</param>
    /// <param name="expected">Names or expressions of C, each with its value; of a plain name 32 bits are compared.</param>
    /// <param name="atLeast">How many there must be at least.</param>
    internal static void ShouldAgree(string includes, IReadOnlyList<(string C, ulong Value)> expected, int atLeast)
    {
        string folder = Directory.CreateTempSubdirectory("c-headers").FullName;
        try
        {
            string checks = string.Join('\n', expected.Select(e => e.C.Contains('(', StringComparison.Ordinal)
                ? $"printf(\"%s=%llu\\n\", \"{e.C}\", (unsigned long long)({e.C}));"
                : $"#ifdef {e.C}\nprintf(\"%s=%llu\\n\", \"{e.C}\", (unsigned long long)({e.C}) & 0xffffffffu);\n#endif"));
            File.WriteAllText(Path.Combine(folder, "check.c"), $"{includes}\n#include <stddef.h>\n#include <stdio.h>\nint main(void)\n{{\n{checks}\nreturn 0;\n}}\n");
            Skip.IfNot(TryRun("cc", $"-o {folder}/check {folder}/check.c", out _), "no C compiler, or no Linux headers");
            TryRun(Path.Combine(folder, "check"), "", out string output).ShouldBeTrue();
            Dictionary<string, ulong> found = output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .ToDictionary(
                    line => line[..line.LastIndexOf('=')],
                    line => ulong.Parse(line[(line.LastIndexOf('=') + 1)..], CultureInfo.InvariantCulture),
                    StringComparer.Ordinal);
            found.Count.ShouldBeGreaterThan(atLeast);
            foreach ((string name, ulong value) in expected)
            {
                if (found.TryGetValue(name, out ulong actual))
                {
                    value.ShouldBe(actual, name);
                }
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static bool TryRun(string program, string arguments, out string output)
    {
        output = "";
        try
        {
            using Process process = Process.Start(
                new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true })!;
            output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (Win32Exception)
        {
            return false;
        }
    }
}
