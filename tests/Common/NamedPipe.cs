using System.Diagnostics;

namespace Hyperspan.Tests;

/// <summary>A pipe with a name, whose other end nobody opens: who opens it to read, and does not say otherwise, waits for ever.</summary>
internal static class NamedPipe
{
    internal static void Create(string path)
    {
        using Process make = Process.Start("mkfifo", [path]);
        make.WaitForExit();
        make.ExitCode.ShouldBe(0);
    }
}
