namespace Hyperspan.Tool.Doctor;

/// <summary>Everything that is looked for, what it is used for, and how to get it.</summary>
internal static class DoctorChecks
{
    internal static IReadOnlyList<Check> Run() =>
    [
        Essential(
            "platform",
            "Linux on x86-64 or arm64",
            SystemProbes.Platform(),
            "Everything: memory is mapped and shared by system calls of 64-bit Linux; the guard is machine code of these processors.",
            "Use a 64-bit Linux, natively, in a container or in WSL 2."),
        Optional(
            "abilities",
            "Abilities",
            SystemProbes.Abilities(),
            "What this build can do on this system at all (docs/platforms.md). What the system refuses by limits or permissions is below.",
            "Another platform: Linux on x86-64 has all of them."),
        Essential(
            "guard",
            "Guarded access",
            MemoryProbes.Guarded(),
            "Turns an access to memory that is gone (a truncated file, a peer that went away) into an error instead of a crash.",
            "Allow executable pages (below), and unset HYPERSPAN_GUARD if it is set."),
        Optional(
            "executable-pages",
            "Executable pages",
            MemoryProbes.ExecutablePages(),
            "Hold the guard's machine code. Without them system calls stand in, which is slower.",
            "SELinux: setsebool deny_execmem 0. systemd: MemoryDenyWriteExecute=no. Or a seccomp profile that allows mprotect with PROT_EXEC."),
        Optional(
            "process-vm-readv",
            "process_vm_readv",
            MemoryProbes.ProcessVectors(),
            "Stands in for the guard's machine code where executable pages are forbidden.",
            "A seccomp profile that allows process_vm_readv and process_vm_writev on the process itself; a kernel with CONFIG_CROSS_MEMORY_ATTACH."),
        Essential(
            "memfd",
            "memfd and seals",
            MemoryProbes.MemoryFiles(),
            "Guest memory that other processes share: QEMU, vhost-user devices. The seal against shrinking makes access as fast as a raw pointer.",
            "Linux 3.17 or later, and a seccomp profile that allows memfd_create."),
        Optional(
            "overcommit",
            "Memory overcommit",
            SystemProbes.OvercommitPolicy(),
            "Memory that is promised at mapping need not be guarded. Under strict accounting it is guarded, since a page may be refused at first use.",
            "sysctl vm.overcommit_memory=0 (or 1)."),
        Optional(
            "mappings",
            "Mappings of a process",
            SystemProbes.MappingLimit(),
            "A region takes one; a sparse mapping one for each run of pages that are alike and one for each hole between them. The rest of the limit is the runtime's.",
            "As root: sysctl vm.max_map_count=1048576."),
        Optional(
            "populate",
            "Prefaulting",
            MemoryProbes.Populate(),
            "Takes all pages of a mapping at once, with an error instead of a signal when memory runs out (the Prefault options).",
            "Linux 5.14 or later."),
        Optional(
            "huge-pages-2m",
            "Huge pages of 2 MiB",
            SystemProbes.HugePages(2048),
            "Guest memory with fewer page-table entries and TLB misses (SharedBackingOptions.HugePages).",
            "As root: echo 512 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages (that is 1 GiB)."),
        Optional(
            "huge-pages-1g",
            "Huge pages of 1 GiB",
            SystemProbes.HugePages(1048576),
            "The same for large guests.",
            "Boot with hugepagesz=1G hugepages=N; later there is rarely enough memory in one piece."),
        Optional(
            "transparent-huge-pages",
            "Transparent huge pages",
            SystemProbes.TransparentHugePages(),
            "Huge pages for private memory without a pool (HugePageAdvice).",
            "As root: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"),
        Optional(
            "userfaultfd",
            "userfaultfd",
            SystemProbes.Userfaultfd(),
            "Memory whose pages this process supplies at first access: lazy restore, migration.",
            "sysctl vm.unprivileged_userfaultfd=1, or access to /dev/userfaultfd, or CAP_SYS_PTRACE; Linux 4.14 or later for the SIGBUS mode."),
        Optional(
            "written-pages",
            "Written pages",
            SystemProbes.WrittenPages(),
            "DirtyLogScope.Mapping: what bare pointers, native code and system calls write. Without it a dirty log knows what is done through GuestMemory.",
            "Linux 6.7 or later, and userfaultfd as above."),
        Optional(
            "live-snapshots",
            "Snapshots of memory that is written",
            SystemProbes.LiveSnapshots(),
            "GuestMemorySnapshot.SaveLiveAsync: a running guest is saved as of one moment. Without it who writes is paused meanwhile.",
            "Linux 5.19 or later, userfaultfd as above for all faults, and executable memory."),
        Optional(
            "membarrier",
            "membarrier",
            SystemProbes.Membarrier(),
            "Lets readers of access bitmaps go without a fence: the rare writer makes every thread execute one.",
            "Linux 4.14 or later (5.10 for restartable sequences), and a seccomp profile that allows membarrier."),
        Optional(
            "rseq",
            "Restartable sequences",
            SystemProbes.RestartableSequences(),
            "Let accesses under an access bitmap go without an RCU section. Without them they enter one, which is slower.",
            "Linux 4.18 and glibc 2.35 or later; GLIBC_TUNABLES must not have glibc.pthread.rseq=0."),
        Optional(
            "kvm",
            "/dev/kvm",
            SystemProbes.Kvm(),
            "Runs guests at the processor's speed (Hyperspan.Kvm, and QEMU with -accel kvm). Not needed to serve a disk.",
            "Load kvm_intel or kvm_amd, switch virtualization on in the firmware (or nesting on in the outer hypervisor), and join the group kvm: usermod -aG kvm $USER"),
        Essential(
            "vhost-user",
            "vhost-user sockets",
            VhostUserProbes.Sockets(),
            "hyperspan serve: Unix sockets that pass descriptors, events to wake and be woken, one descriptor for each region of memory.",
            "Raise the limit of open files (ulimit -n 4096), and allow socketpair and eventfd2 in the seccomp profile."),
        Optional(
            "io-uring",
            "io_uring",
            VhostUserProbes.Engine(),
            "hyperspan serve block: reads and writes that wait for the disk are in flight together. Without it threads wait for them, at most 16 for an image.",
            "sysctl kernel.io_uring_disabled=0; a seccomp profile that allows io_uring_setup, io_uring_enter and io_uring_register; "
            + "unset HYPERSPAN_DISK_ENGINE; Linux 5.11 or later."),
        Optional(
            "qemu",
            "QEMU",
            VhostUserProbes.Qemu(),
            "A virtual machine that connects to hyperspan serve. hyperspan demo needs none.",
            "Debian and Ubuntu: apt-get install qemu-system-x86. Fedora: dnf install qemu-system-x86-core."),
    ];

    private static Check Essential(string id, string title, Finding finding, string usedFor, string remedy) =>
        Make(id, title, finding, essential: true, usedFor, remedy);

    private static Check Optional(string id, string title, Finding finding, string usedFor, string remedy) =>
        Make(id, title, finding, essential: false, usedFor, remedy);

    private static Check Make(string id, string title, Finding finding, bool essential, string usedFor, string remedy) =>
        new(id, title, finding.Status, essential, finding.Found, usedFor, finding.Status == CheckStatus.Ok ? null : remedy);
}
