using Hyperspan.Guarding;

namespace Hyperspan;

/// <summary>Says how the library works in this process, for logs and diagnostics. Thread-safe.</summary>
public static class HyperspanEnvironment
{
    /// <summary>
    /// Says how memory that can fault is accessed. Asking decides it for the life of the process: with <see cref="GuardMode.MachineCode"/> the signal handlers
    /// are installed, or on Windows a vectored exception handler.
    /// </summary>
    /// <returns>The mode.</returns>
    public static GuardMode GetGuardMode() =>
        Guard.UsesMachineCode ? GuardMode.MachineCode : Guard.IsSupported ? GuardMode.Substitute : GuardMode.None;

    /// <summary>
    /// Lets the calling thread access memory that can fault: it unblocks SIGSEGV and SIGBUS, which a thread must be able to take when it meets a page that is not there;
    /// one that blocks them is killed by the kernel, and the process with it. To be called once by a thread that other code started with these signals blocked, before
    /// its first access: by a callback on the thread of a native library, for instance. Threads that were started by a thread without them need no call, nor does the
    /// thread that makes a <see cref="GuestMemory"/>, nor do those of this library's servers.
    /// </summary>
    /// <remarks>
    /// It costs a system call, and nothing where the guard is not by machine code, or on Windows, whose threads block nothing. What a thread blocks afterwards is its own affair.
    /// </remarks>
    public static void PrepareThread()
    {
        if (OperatingSystem.IsLinux() && Guard.UsesMachineCode)
        {
            SignalMask.UnblockFaults();
        }
    }

    /// <summary>
    /// Gets how many mappings the process may have before this library makes no more, or <see langword="null"/> where the system has no such limit or does not say.
    /// An eighth of the kernel's limit (<c>vm.max_map_count</c>) is left to the runtime, which ends the process when it is refused one.
    /// </summary>
    public static long? MaxMappings => MappingBudget.Limit;

    /// <summary>Says what stands against an ability on this system.</summary>
    /// <param name="ability">The ability.</param>
    /// <returns>
    /// The reason, or <see langword="null"/> where the ability is there. That the system may refuse it all the same, by a limit or a permission, shows when it is used.
    /// </returns>
    /// <remarks>Asking for <see cref="HyperspanAbility.RecoveredFaults"/> decides <see cref="GetGuardMode"/>.</remarks>
    /// <exception cref="ArgumentOutOfRangeException">There is no such ability.</exception>
    public static string? WhyNot(HyperspanAbility ability) => PlatformAbilities.WhyNot(ability);

    /// <summary>Refuses an ability that is not there, as everything here does that needs one.</summary>
    /// <param name="ability">The ability.</param>
    /// <exception cref="PlatformNotSupportedException">It is not there; the message begins with its name.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such ability.</exception>
    public static void Demand(HyperspanAbility ability) => PlatformAbilities.Demand(ability);

    /// <summary>Says what <see cref="GetGuardMode"/> says in words, with the reason where it is not machine code. It decides as well.</summary>
    /// <returns>The text.</returns>
    public static string GetGuardDescription() => Guard.Description;
}
