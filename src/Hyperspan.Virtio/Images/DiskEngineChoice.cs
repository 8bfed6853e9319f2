using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;

namespace Hyperspan.Virtio;

/// <summary>Finds out, once, by what transfers overlap.</summary>
internal static class DiskEngineChoice
{
    private const string Variable = "HYPERSPAN_DISK_ENGINE";
    private const string Switch = "Hyperspan.Disk.Threads";

    private static readonly Lazy<(DiskEngine Engine, string Description)> Choice = new(Choose);

    internal static DiskEngine Engine => Choice.Value.Engine;

    internal static string Description => Choice.Value.Description;

    private static (DiskEngine Engine, string Description) Choose()
    {
        string? asked = Environment.GetEnvironmentVariable(Variable);
        if (string.Equals(asked, "threads", StringComparison.OrdinalIgnoreCase))
        {
            return (DiskEngine.Threads, $"threads: {Variable} asks for them");
        }

        if (AppContext.TryGetSwitch(Switch, out bool isOn) && isOn)
        {
            return (DiskEngine.Threads, $"threads: {Switch} asks for them");
        }

        if (!OperatingSystem.IsLinux())
        {
            return (DiskEngine.Threads, "threads: there is no io_uring on this system");
        }

        using IoUring? ring = IoUring.TryCreate(1, 2, out int error);
        return ring is not null
            ? (DiskEngine.IoUring, "io_uring")
            : (DiskEngine.Threads, $"threads: io_uring is refused: {Marshal.GetPInvokeErrorMessage(error)}");
    }
}
