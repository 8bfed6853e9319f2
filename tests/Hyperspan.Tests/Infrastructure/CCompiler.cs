using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace Hyperspan.Tests.Infrastructure;

/// <summary>Asks the C headers of this machine for the values of constant expressions.</summary>
public static class CCompiler
{
    /// <summary>Whether the C compiler finds these headers; skips the test where there is no C compiler.</summary>
    public static bool HasHeaders(IEnumerable<string> includes)
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "needs Linux");
        return Run("cc", ["-fsyntax-only", .. includes.SelectMany<string, string>(x => ["-include", x]), "-x", "c", "/dev/null"]).Code == 0;
    }

    /// <summary>Whether these headers define a macro; skips the test where there is no C compiler.</summary>
    public static bool Defines(IEnumerable<string> includes, string macro)
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "needs Linux");
        string text = string.Concat(includes.Select(x => $"#include <{x}>\n")) + $"#ifndef {macro}\n#error none\n#endif\n";
        using var source = new TemporaryFile(Encoding.UTF8.GetBytes(text));
        return Run("cc", "-fsyntax-only", "-x", "c", source.Path).Code == 0;
    }

    /// <summary>Evaluates integer constant expressions; skips the test where there is no C compiler.</summary>
    public static IReadOnlyDictionary<string, long> Evaluate(IEnumerable<string> includes, IEnumerable<string> expressions)
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "needs Linux");
        string[] all = [.. expressions];
        var folder = Directory.CreateTempSubdirectory("hyperspan-cc");
        try
        {
            var source = Path.Combine(folder.FullName, "values.c");
            var program = Path.Combine(folder.FullName, "values");
            File.WriteAllText(
                source,
                "#define _GNU_SOURCE\n#include <stdio.h>\n#include <stddef.h>\n"
                + string.Concat(includes.Select(x => $"#include <{x}>\n"))
                + "int main(void) {\n"
                + string.Concat(all.Select(x => $"  printf(\"%lld\\n\", (long long)({x}));\n"))
                + "  return 0;\n}\n");
            (var code, var error) = Run("cc", "-o", program, source);
            code.ShouldBe(0, error);
            (code, var output) = Run(program);
            code.ShouldBe(0);
            return all.Zip(output.Split('\n')).ToDictionary(x => x.First, x => long.Parse(x.Second), StringComparer.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static (int Code, string Output) Run(string program, params string[] arguments)
    {
        try
        {
            using Process process = Process.Start(
                new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false })!;
            Task<string> error = process.StandardError.ReadToEndAsync();
            var output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return (process.ExitCode, process.ExitCode == 0 ? output : error.Result);
        }
        catch (Win32Exception)
        {
            Skip.If(true, "there is no C compiler");
            throw;
        }
    }
}
