using Hyperspan.Guarding;

namespace Hyperspan;

/// <summary>Says how the library works in this process, for logs and diagnostics. Thread-safe.</summary>
public static class HyperspanEnvironment
{
    /// <summary>
    /// Gets how memory that can fault is accessed. Asking decides it for the life of the process: with <see cref="GuardMode.MachineCode"/> the signal handlers are installed.
    /// </summary>
    public static GuardMode GuardMode =>
        Guard.UsesMachineCode ? GuardMode.MachineCode : Guard.IsSupported ? GuardMode.Substitute : GuardMode.None;

    /// <summary>Gets that in words, with the reason where it is not machine code.</summary>
    public static string GuardDescription => Guard.Description;
}
