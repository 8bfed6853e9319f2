using System.Diagnostics.CodeAnalysis;
using System.Runtime.Intrinsics.X86;

namespace Hyperspan.Guarding;

/// <summary>What is there on which platform. The table for users is in docs/platforms.md.</summary>
internal static class PlatformAbilities
{
    private static bool IsLinux => OperatingSystem.IsLinux() && nint.Size == 8;

    private static bool IsWindows => OperatingSystem.IsWindows() && X86Base.X64.IsSupported;

    /// <summary>Says what stands against an ability here, or null.</summary>
    internal static string? WhyNot(HyperspanAbility ability) => ability switch
    {
        HyperspanAbility.HeapMemory => null,
        HyperspanAbility.RecoveredFaults => Guard.IsSupported ? null : Guard.Description,
        HyperspanAbility.MappedMemory => IsLinux || IsWindows ? null : "it needs 64-bit Linux or Windows on x86-64; HeapBacking and backings of your own work here",
        HyperspanAbility.MappedFileParts => IsLinux ? null
            : IsWindows && OperatingSystem.IsWindows() ? Placeholders.WhyNot : "it needs 64-bit Linux (mmap at a given address), or Windows on x86-64 (placeholders)",
        HyperspanAbility.OnDemandMemory => IsLinux ? null : "it needs Linux (userfaultfd)",
        HyperspanAbility.WatchedMappings => IsLinux || IsWindows ? null : "it needs Linux (userfaultfd), or Windows on x86-64 (write watch)",
        HyperspanAbility.LiveSnapshots => !IsLinux ? "it needs Linux (userfaultfd)"
            : Guard.UsesMachineCode ? null : $"it needs machine code of its own, and what there is is {Guard.Description}",
        HyperspanAbility.VhostUser => IsLinux ? null : "it needs 64-bit Linux (memfd, eventfd, descriptors that are passed by sockets)",
        HyperspanAbility.Partition => IsLinux && X86Base.X64.IsSupported ? null : "it needs Linux on x86-64 (KVM)",
        _ => throw new ArgumentOutOfRangeException(nameof(ability), ability, "There is no such ability."),
    };

    /// <summary>Refuses what is not there.</summary>
    /// <exception cref="PlatformNotSupportedException">The ability is not there; the message begins with its name.</exception>
    internal static void Demand(HyperspanAbility ability)
    {
        if (WhyNot(ability) is { } reason)
        {
            Throw(ability, reason);
        }
    }

    [DoesNotReturn]
    private static void Throw(HyperspanAbility ability, string reason) => throw new PlatformNotSupportedException($"{ability} is not there: {reason}.");
}
