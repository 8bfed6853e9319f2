namespace Hyperspan.EndToEnd.Harness;

/// <summary>The machine a guest runs on, and the script it runs.</summary>
internal sealed record GuestOptions
{
    /// <summary>The script's name among the embedded files <c>Guest/*.sh</c>.</summary>
    internal required string Script { get; init; }

    /// <summary>What the script finds as shell variables.</summary>
    internal Dictionary<string, string> Variables { get; init; } = [];

    /// <summary>The QEMU to run; the machine's own where it is null.</summary>
    internal string? Qemu { get; init; }

    internal int MemoryMiB { get; init; } = 256;

    internal int Processors { get; init; } = 1;

    internal int Queues { get; init; } = 1;

    /// <summary>More properties of QEMU's vhost-user-blk-pci, for instance <c>event_idx=off</c>.</summary>
    internal string? DeviceProperties { get; init; }

    /// <summary>More arguments of QEMU: further devices.</summary>
    internal IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>Whether the machine has an IOMMU that translates what the disk accesses.</summary>
    internal bool Iommu { get; init; }

    /// <summary>What the guest's kernel does with its IOMMU: by default each request is mapped, and taken away strictly when it is done.</summary>
    internal string IommuParameters { get; init; } = "intel_iommu=on iommu.strict=1";

    /// <summary>Whether the disk is behind a root port: there alone QEMU has it offer ATS, so that the guest tells the IOMMU what the device is to forget.</summary>
    internal bool BehindPort { get; init; }

    /// <summary>Whether memory can be added while the guest runs.</summary>
    internal bool MemorySlots { get; init; }

    /// <summary>Where a guest comes from that ran elsewhere; null for one that is booted.</summary>
    internal string? Incoming { get; init; }

    /// <summary>From the start of QEMU to the end of the script, waits for the host included.</summary>
    internal TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(10);
}
