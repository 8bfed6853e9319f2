using Hyperspan.Guarding;

namespace Hyperspan.Tests.Guarding;

public unsafe class ExecutablePageTests
{
    // mov eax, 42; ret
    private static readonly byte[] Code = [0xB8, 42, 0, 0, 0, 0xC3];

    [SkippableFact]
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
