using Hyperspan.Interop.Linux;
using Hyperspan.Tests.Infrastructure;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Tests.Backing;

public sealed unsafe class FileStatusTests
{
    [LinuxTheory]
    [InlineData("/proc/self/exe")]
    [InlineData("/tmp")]
    [InlineData("/dev/null")]
    public void Call_before_statx_says_the_same(string path)
    {
        using var directory = new SafeFileHandle(LinuxConstants.AT_FDCWD, ownsHandle: false);
        FileStatus status = default;
        FileStatus old = default;

        // SAFETY: locals that outlive the calls.
        LibC.Statx(directory, path, 0, LinuxConstants.STATX_BASIC_STATS, &status).ShouldBe(0);
        FileStatusCall.InvokeOld(directory, path, 0, &old).ShouldBe(0);
        old.Type.ShouldBe(status.Type);
        old.Mode.ShouldBe(status.Mode);
        old.Size.ShouldBe(status.Size);
        old.Inode.ShouldBe(status.Inode);
        old.BlockSize.ShouldBe(status.BlockSize);
        old.DeviceMajor.ShouldBe(status.DeviceMajor);
        old.DeviceMinor.ShouldBe(status.DeviceMinor);
    }

    [LinuxFact]
    public void File_is_memory_where_statx_is_refused()
    {
        byte[] contents = new byte[8192];
        contents[8] = 7;
        using var file = new TemporaryFile(contents);
        ChildResult result = ChildProcess.Run("refused-status", file.Path);
        Skip.If(result.ExitCode == 3, result.Output);
        result.ShouldSucceed();
        result.Output.ShouldContain("8192 bytes, 7");
    }

    [LinuxFact]
    public void Call_before_statx_fails_alike()
    {
        using var directory = new SafeFileHandle(LinuxConstants.AT_FDCWD, ownsHandle: false);
        FileStatus status = default;

        // SAFETY: a local that outlives the call.
        FileStatusCall.InvokeOld(directory, "/proc/none/such", 0, &status).ShouldBe(-1);
        System.Runtime.InteropServices.Marshal.GetLastPInvokeError().ShouldBe(ErrorNumber.NoEntry);
    }
}
