using System.Net.Sockets;

using Hyperspan.Interop.Linux;
using Hyperspan.Tool.Output;
using Hyperspan.VhostUser;
using Hyperspan.Virtio;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Tool.Doctor;

/// <summary>Tries out what a vhost-user device and its front end need.</summary>
internal static unsafe class VhostUserProbes
{
    // A region of memory and the three events of a queue take a descriptor each; the runtime has some of its own.
    private const ulong EnoughDescriptors = 1024;

    internal static Finding Sockets()
    {
        if (!OperatingSystem.IsLinux())
        {
            return Finding.Missing("only on Linux");
        }

        try
        {
            (Socket one, Socket other) = VhostUserSocketPair.Create();
            one.Dispose();
            other.Dispose();
        }
        catch (IOException e)
        {
            return Finding.Missing(e.Message);
        }

        int descriptor = LibC.Eventfd(0, OpenFlags.CloseOnExec);
        if (descriptor < 0)
        {
            return Finding.Missing($"eventfd: {ErrorNumber.LastMessage}");
        }

        new SafeFileHandle(descriptor, ownsHandle: true).Dispose();
        ulong* limits = stackalloc ulong[2];

        // SAFETY: struct rlimit is two numbers of 8 bytes, on this stack.
        ulong most = LibC.Getrlimit(LinuxConstants.RLIMIT_NOFILE, limits) == 0 ? limits[0] : 0;
        string found = $"sockets and events; at most {Units.Count(most)} open files";
        return most >= EnoughDescriptors ? Finding.Ok(found) : Finding.Limited(found);
    }

    internal static Finding Engine() => RawDiskImage.Engine == DiskEngine.IoUring
        ? Finding.Ok(RawDiskImage.EngineDescription)
        : Finding.Limited(RawDiskImage.EngineDescription);

    internal static Finding Qemu()
    {
        foreach (string folder in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries))
        {
            string path = Path.Combine(folder, "qemu-system-x86_64");
            if (File.Exists(path))
            {
                return Finding.Ok(path);
            }
        }

        return Finding.Missing("qemu-system-x86_64 is not in PATH");
    }
}
