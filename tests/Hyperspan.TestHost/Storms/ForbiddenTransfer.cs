namespace Hyperspan.TestHost.Storms;

/// <summary>Refuses the calling thread process_vm_readv(2) and process_vm_writev(2), as a container's seccomp filter does: they fail with EPERM.</summary>
internal static class ForbiddenTransfer
{
    private const uint ProcessVmReadv = 310;
    private const uint ProcessVmWritev = 311;

    /// <summary>Refuses them from now on, or says why it cannot.</summary>
    public static bool TryForbid(out string reason) => SeccompFilter.TryInstall(
        [
            SeccompFilter.Load(SeccompFilter.NumberOffset),
            SeccompFilter.Compare(ProcessVmReadv, ifEqual: 1, otherwise: 0),
            SeccompFilter.Compare(ProcessVmWritev, ifEqual: 0, otherwise: 1),
            SeccompFilter.Answer(SeccompFilter.NotPermitted),
            SeccompFilter.Answer(SeccompFilter.Allow),
        ],
        out reason);
}
