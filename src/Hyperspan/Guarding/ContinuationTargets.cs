using System.Runtime.InteropServices;
using Hyperspan.Interop.Windows;

namespace Hyperspan.Guarding;

/// <summary>
/// Where exception handlers may let a thread continue, in a process of Windows that checks that (with the shadow stacks of newer processors): code that no image describes has
/// to be named. Continuing anywhere else ends the process.
/// </summary>
internal static unsafe class ContinuationTargets
{
    /// <summary>Allows the addresses where that is asked for; answers whether all of them are allowed.</summary>
    public static bool TryAllow(ReadOnlySpan<nint> addresses)
    {
        if (!IsChecked())
        {
            return true;
        }

        // Windows 10, version 2004, and later.
        if (!NativeLibrary.TryLoad("kernelbase", out nint library) || !NativeLibrary.TryGetExport(library, "SetProcessDynamicEHContinuationTargets", out nint set))
        {
            return false;
        }

        ContinuationTarget* targets = stackalloc ContinuationTarget[addresses.Length];
        for (int i = 0; i < addresses.Length; i++)
        {
            targets[i] = new ContinuationTarget(addresses[i], ContinuationTarget.Add);
        }

        // SAFETY: BOOL (HANDLE, USHORT, PROCESS_DYNAMIC_EH_CONTINUATION_TARGET*); it answers in the targets' flags.
        if (((delegate* unmanaged<nint, ushort, ContinuationTarget*, int>)set)(Kernel32.CurrentProcess, (ushort)addresses.Length, targets) == 0)
        {
            return false;
        }

        bool all = true;
        for (int i = 0; i < addresses.Length; i++)
        {
            all &= (targets[i].Flags & ContinuationTarget.Processed) != 0;
        }

        return all;
    }

    private static bool IsChecked()
    {
        const int UserShadowStackPolicy = 15;
        const uint EnableUserShadowStack = 1 << 0;
        const uint SetContextIpValidation = 1 << 2;
        uint policy = 0;

        // SAFETY: of this policy the structure is one word. A system that knows no such policy has no shadow stacks.
        return Kernel32.GetProcessMitigationPolicy(Kernel32.CurrentProcess, UserShadowStackPolicy, &policy, sizeof(uint))
            && (policy & (EnableUserShadowStack | SetContextIpValidation)) != 0;
    }
}
