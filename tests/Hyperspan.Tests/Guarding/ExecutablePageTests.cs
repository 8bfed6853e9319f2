using System.Runtime.Intrinsics.Arm;
using Hyperspan.Guarding;

namespace Hyperspan.Tests.Guarding;

public unsafe class ExecutablePageTests
{
    // mov w0, #42; ret, and the same for x86: mov eax, 42; ret
    private static readonly byte[] Code = ArmBase.Arm64.IsSupported ? [0x40, 0x05, 0x80, 0x52, 0xC0, 0x03, 0x5F, 0xD6] : [0xB8, 42, 0, 0, 0, 0xC3];

    [LinuxFact]
    public void Code_runs_from_either_kind_of_page()
    {
        Skip.IfNot(Guard.UsesMachineCode, Guard.Description);
        Run(ExecutablePage.TryProtect(Code)).ShouldBe(42);
        Run(ExecutablePage.TryMapTwice(Code)).ShouldBe(42);
    }

    private static int Run(byte* page)
    {
        (page is null).ShouldBeFalse();
        return ((delegate* unmanaged[Cdecl]<int>)page)();
    }
}
