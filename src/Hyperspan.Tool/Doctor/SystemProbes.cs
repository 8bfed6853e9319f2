using System.Globalization;
using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;
using Hyperspan.Kvm;
using Hyperspan.Snapshots;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Tool.Doctor;

/// <summary>Asks the kernel what it offers.</summary>
internal static unsafe class SystemProbes
{
    private const int ExpectedKvmVersion = 12;
    private const nuint GetKvmVersion = 0xAE00;
    private const nuint UserfaultfdFromDevice = 0xAA00;
    private const nuint UserfaultfdHandshake = 0xC018_AA3F;
    private const ulong UserfaultfdVersion = 0xAA;
    private const ulong MissingSharedFeature = 1 << 5;
    private const ulong SigbusFeature = 1 << 7;
    private const OpenFlags UserModeOnly = (OpenFlags)1;

    private static bool IsServed => OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture is Architecture.X64 or Architecture.Arm64;

    internal static Finding Platform()
    {
        string found = $"{RuntimeInformation.OSDescription}, kernel {Environment.OSVersion.Version}, {RuntimeInformation.ProcessArchitecture}, "
            + $"{Environment.ProcessorCount} processors, {RuntimeInformation.FrameworkDescription}";
        return IsServed
            ? Finding.Ok(found)
            : Finding.Missing(found);
    }

    internal static Finding Abilities()
    {
        string[] missing =
        [
            .. Enum.GetValues<HyperspanAbility>()
                .Select(ability => (Ability: ability, Reason: HyperspanEnvironment.WhyNot(ability)))
                .Where(one => one.Reason is not null)
                .Select(one => $"{one.Ability}: {one.Reason}"),
        ];
        return missing.Length == 0 ? Finding.Ok("all of them") : Finding.Limited(string.Join("; ", missing));
    }

    internal static Finding OvercommitPolicy() => ReadText("/proc/sys/vm/overcommit_memory") switch
    {
        null => Finding.Limited("vm.overcommit_memory cannot be read"),
        "2" => Finding.Limited("strict: vm.overcommit_memory is 2"),
        string value => Finding.Ok($"vm.overcommit_memory is {value}"),
    };

    internal static Finding MappingLimit() => HyperspanEnvironment.MaxMappings switch
    {
        null => Finding.Limited("vm.max_map_count cannot be read"),
        { } most => Finding.Ok(string.Create(
            CultureInfo.InvariantCulture, $"vm.max_map_count is {ReadText("/proc/sys/vm/max_map_count")}, of which a process may use {most}")),
    };

    internal static Finding HugePages(int kibibytes)
    {
        string pool = string.Create(CultureInfo.InvariantCulture, $"/sys/kernel/mm/hugepages/hugepages-{kibibytes}kB");
        if (!Directory.Exists(pool))
        {
            return Finding.Missing("the processor or the kernel has none of this size");
        }

        string total = ReadText($"{pool}/nr_hugepages") ?? "0";
        string free = ReadText($"{pool}/free_hugepages") ?? "0";
        return (total, free) switch
        {
            ("0", _) => Finding.Missing("the pool is empty"),
            (_, "0") => Finding.Limited($"none of {total} free"),
            _ => Finding.Ok($"{free} of {total} free"),
        };
    }

    internal static Finding TransparentHugePages()
    {
        const string path = "/sys/kernel/mm/transparent_hugepage/enabled";
        return ReadText(path) switch
        {
            null => Finding.Missing("the kernel has none"),
            string text when text.Contains("[never]", StringComparison.Ordinal) => Finding.Missing("never used"),
            string text when text.Contains("[always]", StringComparison.Ordinal) => Finding.Ok("always used"),
            _ => Finding.Ok("used where asked for"),
        };
    }

    internal static Finding Userfaultfd()
    {
        if (!IsServed)
        {
            return Finding.Missing("only on Linux on x86-64 and arm64");
        }

        const OpenFlags flags = OpenFlags.CloseOnExec | OpenFlags.NonBlocking;
        string means = "all faults";
        int descriptor = LibC.Userfaultfd(flags);
        string reason = descriptor < 0 ? ErrorNumber.LastMessage : "";
        if (descriptor < 0)
        {
            using SafeFileHandle? device = TryOpen("/dev/userfaultfd", out _);
            descriptor = device is null ? -1 : LibC.Ioctl(device, UserfaultfdFromDevice, (void*)(nint)flags);
            means = "all faults, by /dev/userfaultfd";
        }

        if (descriptor < 0)
        {
            descriptor = LibC.Userfaultfd(flags | UserModeOnly);
            means = "faults of user mode alone: not those of system calls or KVM";
        }

        if (descriptor < 0)
        {
            return Finding.Missing(reason);
        }

        using var file = new SafeFileHandle(descriptor, ownsHandle: true);
        ulong* handshake = stackalloc ulong[3];
        handshake[0] = UserfaultfdVersion;
        handshake[1] = 0;

        // SAFETY: struct uffdio_api has three fields of 8 bytes, on this stack.
        if (LibC.Ioctl(file, UserfaultfdHandshake, handshake) != 0)
        {
            return Finding.Missing($"UFFDIO_API: {ErrorNumber.LastMessage}");
        }

        ulong wanted = MissingSharedFeature | SigbusFeature;
        bool all = (handshake[1] & wanted) == wanted;
        return means.StartsWith("all", StringComparison.Ordinal) && all
            ? Finding.Ok($"{means}, shared memory, SIGBUS mode")
            : Finding.Limited(all ? means : $"{means}; shared memory or SIGBUS mode is missing");
    }

    internal static Finding LiveSnapshots()
    {
        using GuestMemory memory = GuestMemory.Allocate(GuestAddress.PageSize);
        try
        {
            GuestMemorySnapshot.SaveLiveAsync(memory, Stream.Null).GetAwaiter().GetResult();
            return Finding.Ok("writes are held by write protection");
        }
        catch (Exception e) when (e is PlatformNotSupportedException or IOException or UnauthorizedAccessException)
        {
            return Finding.Missing(e.Message);
        }
    }

    internal static Finding WrittenPages()
    {
        using GuestMemory memory = GuestMemory.Allocate(GuestAddress.PageSize);
        using var log = new DirtyLog(memory, scope: DirtyLogScope.Mapping);
        try
        {
            log.Start();
            return Finding.Ok("all writes through a mapping (PAGEMAP_SCAN)");
        }
        catch (Exception e) when (e is PlatformNotSupportedException or IOException)
        {
            return Finding.Missing(e.Message);
        }
    }

    internal static Finding Membarrier()
    {
        if (!IsServed)
        {
            return Finding.Missing("only on Linux on x86-64 and arm64");
        }

        int commands = LibC.Membarrier(LinuxConstants.MEMBARRIER_CMD_QUERY);
        return commands switch
        {
            < 0 => Finding.Missing(ErrorNumber.LastMessage),
            _ when (commands & LinuxConstants.MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0 => Finding.Missing("no expedited command"),
            _ when (commands & LinuxConstants.MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ) == 0 => Finding.Limited("expedited; not for restartable sequences"),
            _ => Finding.Ok("expedited, also for restartable sequences"),
        };
    }

    internal static Finding RestartableSequences()
    {
        if (!OperatingSystem.IsLinux() || !NativeLibrary.TryLoad("libc.so.6", out nint library))
        {
            return Finding.Missing("no glibc");
        }

        if (!NativeLibrary.TryGetExport(library, "__rseq_size", out nint size))
        {
            return Finding.Missing("glibc is older than 2.35");
        }

        // SAFETY: glibc exports it as an unsigned int, which stays where it is while the library is loaded: that is for ever.
        return *(uint*)size != 0
            ? Finding.Ok("registered for every thread")
            : Finding.Missing("not registered: refused by the kernel or switched off");
    }

    internal static Finding Kvm()
    {
        const string path = "/dev/kvm";
        if (!File.Exists(path))
        {
            return Finding.Missing("there is no such device");
        }

        using SafeFileHandle? file = TryOpen(path, out string reason);
        if (file is null)
        {
            return Finding.Missing(reason);
        }

        int version = LibC.Ioctl(file, GetKvmVersion, null);
        if (version != ExpectedKvmVersion)
        {
            return Finding.Missing(version < 0 ? ErrorNumber.LastMessage : $"API version {version} instead of {ExpectedKvmVersion}");
        }

        return KvmPartition.WhyNoKernels() is { } why ? Finding.Limited(why) : Finding.Ok($"API version {version}");
    }

    private static SafeFileHandle? TryOpen(string path, out string reason)
    {
        int descriptor = OperatingSystem.IsLinux() ? LibC.Open(path, OpenFlags.ReadWrite | OpenFlags.CloseOnExec) : -1;
        reason = descriptor < 0 ? ErrorNumber.LastMessage : "";
        return descriptor < 0 ? null : new SafeFileHandle(descriptor, ownsHandle: true);
    }

    private static string? ReadText(string path)
    {
        try
        {
            return File.ReadAllText(path).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
