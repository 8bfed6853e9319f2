using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;

namespace Hyperspan.Tests.Backing;

/// <summary>The numbers that were copied from C headers, against the C headers.</summary>
public sealed class CHeadersTests
{
    private static readonly (string C, ulong Value)[] Expected =
    [
        ("PROT_NONE", (ulong)MappingProtection.None),
        ("PROT_READ", (ulong)MappingProtection.Read),
        ("PROT_WRITE", (ulong)MappingProtection.Write),
        ("PROT_EXEC", (ulong)MappingProtection.Execute),
        ("MAP_SHARED", (ulong)MappingFlags.Shared),
        ("MAP_PRIVATE", (ulong)MappingFlags.Private),
        ("MAP_FIXED", (ulong)MappingFlags.Fixed),
        ("MAP_ANONYMOUS", (ulong)MappingFlags.Anonymous),
        ("MAP_NORESERVE", (ulong)MappingFlags.NoReserve),
        ("MAP_FIXED_NOREPLACE", (ulong)MappingFlags.FixedNoReplace),
        ("MADV_DONTNEED", (ulong)MemoryAdvice.DontNeed),
        ("MADV_HUGEPAGE", (ulong)MemoryAdvice.HugePage),
        ("MADV_NOHUGEPAGE", (ulong)MemoryAdvice.NoHugePage),
        ("MADV_POPULATE_READ", (ulong)MemoryAdvice.PopulateRead),
        ("MADV_POPULATE_WRITE", (ulong)MemoryAdvice.PopulateWrite),
        ("MADV_DONTNEED_LOCKED", (ulong)MemoryAdvice.DontNeedLocked),
        ("MFD_CLOEXEC", (ulong)MemoryFileFlags.CloseOnExec),
        ("MFD_ALLOW_SEALING", (ulong)MemoryFileFlags.AllowSealing),
        ("MFD_HUGETLB", (ulong)MemoryFileFlags.HugeTlb),
        ("MFD_NOEXEC_SEAL", (ulong)MemoryFileFlags.NoExecSeal),
        ("MFD_HUGE_2MB", (ulong)MemoryFileFlags.Huge2MiB),
        ("MFD_HUGE_1GB", (ulong)MemoryFileFlags.Huge1GiB),
        ("F_GETFL", (ulong)FileCommand.GetFlags),
        ("F_DUPFD_CLOEXEC", (ulong)FileCommand.DuplicateCloseOnExec),
        ("F_ADD_SEALS", (ulong)FileCommand.AddSeals),
        ("F_GET_SEALS", (ulong)FileCommand.GetSeals),
        ("F_SEAL_SEAL", (ulong)FileSeals.Seal),
        ("F_SEAL_SHRINK", (ulong)FileSeals.Shrink),
        ("F_SEAL_GROW", (ulong)FileSeals.Grow),
        ("F_SEAL_WRITE", (ulong)FileSeals.Write),
        ("F_SEAL_FUTURE_WRITE", (ulong)FileSeals.FutureWrite),
        ("AT_EMPTY_PATH", LinuxConstants.AT_EMPTY_PATH),
        ("STATX_BASIC_STATS", LinuxConstants.STATX_BASIC_STATS),
        ("S_IFMT", LinuxConstants.S_IFMT),
        ("S_IFREG", LinuxConstants.S_IFREG),
        ("IOV_MAX", LinuxConstants.IOV_MAX),
        ("O_ACCMODE", LinuxConstants.O_ACCMODE),
        ("PR_SET_VMA", LinuxConstants.PR_SET_VMA),
        ("PR_SET_VMA_ANON_NAME", LinuxConstants.PR_SET_VMA_ANON_NAME),
        ("TMPFS_MAGIC", LinuxConstants.TMPFS_MAGIC),
        ("HUGETLBFS_MAGIC", LinuxConstants.HUGETLBFS_MAGIC),
        ("FUSE_SUPER_MAGIC", LinuxConstants.FUSE_SUPER_MAGIC),
        ("NFS_SUPER_MAGIC", LinuxConstants.NFS_SUPER_MAGIC),
        ("V9FS_MAGIC", LinuxConstants.V9FS_MAGIC),
        ("CIFS_SUPER_MAGIC", LinuxConstants.CIFS_SUPER_MAGIC),
        ("SMB2_SUPER_MAGIC", LinuxConstants.SMB2_SUPER_MAGIC),
        ("CEPH_SUPER_MAGIC", LinuxConstants.CEPH_SUPER_MAGIC),
        ("EPERM", ErrorNumber.NotPermitted),
        ("EINTR", ErrorNumber.Interrupted),
        ("EAGAIN", ErrorNumber.TryAgain),
        ("ENOMEM", ErrorNumber.NoMemory),
        ("EACCES", ErrorNumber.AccessDenied),
        ("EFAULT", ErrorNumber.BadAddress),
        ("ENODEV", ErrorNumber.NoDevice),
        ("EINVAL", ErrorNumber.InvalidArgument),
        ("ENOSPC", ErrorNumber.NoSpace),
        ("sizeof(struct statx)", (ulong)Marshal.SizeOf<FileStatus>()),
        ("offsetof(struct statx, stx_blksize)", Offset(nameof(FileStatus.BlockSize))),
        ("offsetof(struct statx, stx_mode)", Offset(nameof(FileStatus.Mode))),
        ("offsetof(struct statx, stx_ino)", Offset(nameof(FileStatus.Inode))),
        ("offsetof(struct statx, stx_size)", Offset(nameof(FileStatus.Size))),
        ("offsetof(struct statx, stx_dev_major)", Offset(nameof(FileStatus.DeviceMajor))),
        ("offsetof(struct statx, stx_dev_minor)", Offset(nameof(FileStatus.DeviceMinor))),
        ("offsetof(struct statfs, f_type)", 0),
        ("sizeof(((struct statfs *)0)->f_type)", 8),
        ("sizeof(struct statfs) <= 512", 1),
        ("sizeof(off_t)", 8),
        ("sizeof(size_t)", (ulong)nint.Size),
    ];

    [SkippableFact]
    public void Constants_and_layouts_agree()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "Linux only");
        string folder = Directory.CreateTempSubdirectory("c-headers").FullName;
        try
        {
            // Headers older than a constant leave it out; the program then says nothing about it.
            string checks = string.Join('\n', Expected.Select(e => e.C.Contains('(', StringComparison.Ordinal)
                ? $"printf(\"%s=%llu\\n\", \"{e.C}\", (unsigned long long)({e.C}));"
                : $"#ifdef {e.C}\nprintf(\"%s=%llu\\n\", \"{e.C}\", (unsigned long long)({e.C}) & 0xffffffffu);\n#endif"));
            File.WriteAllText(
                Path.Combine(folder, "check.c"),
                $$"""
                #define _GNU_SOURCE
                #include <stddef.h>
                #include <stdio.h>
                #include <errno.h>
                #include <limits.h>
                #include <fcntl.h>
                #include <sys/mman.h>
                #include <sys/prctl.h>
                #include <sys/stat.h>
                #include <sys/vfs.h>
                #include <linux/magic.h>
                #include <linux/memfd.h>
                int main(void)
                {
                {{checks}}
                return 0;
                }
                """);
            Skip.IfNot(TryRun("cc", $"-o {folder}/check {folder}/check.c", out _), "no C compiler, or no Linux headers");
            TryRun(Path.Combine(folder, "check"), "", out string output).ShouldBeTrue();
            Dictionary<string, ulong> found = output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .ToDictionary(line => line[..line.LastIndexOf('=')], line => ulong.Parse(line[(line.LastIndexOf('=') + 1)..], CultureInfo.InvariantCulture), StringComparer.Ordinal);
            found.Count.ShouldBeGreaterThan(Expected.Length / 2);
            foreach ((string name, ulong value) in Expected)
            {
                if (found.TryGetValue(name, out ulong actual))
                {
                    value.ShouldBe(actual, name);
                }
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static ulong Offset(string field) => (ulong)Marshal.OffsetOf<FileStatus>(field);

    private static bool TryRun(string program, string arguments, out string output)
    {
        output = "";
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true })!;
            output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (Win32Exception)
        {
            return false;
        }
    }
}
