using static Iced.Intel.AssemblerRegisters;

namespace Hyperspan.Stubs;

internal sealed partial class StubProgram
{
    private void EmitFill()
    {
        Enter("fill", 64);
        _a.movzx(eax, Second8);
        _a.mov(rcx, 0x0101010101010101UL);
        _a.imul(rax, rcx);
        _a.cmp(Third, 16);
        _a.ja(L("fill_over_16"));
        _a.cmp(Third32, 8);
        _a.jae(L("fill_8"));
        _a.cmp(Third32, 4);
        _a.jae(L("fill_4"));
        _a.cmp(Third32, 2);
        _a.jae(L("fill_2"));
        _a.test(Third32, Third32);
        _a.je(L("fill_done"));
        _a.mov(__byte_ptr[First], al);
        Mark("fill_done");
        SucceedWithZero();

        // From here on: one piece at the start and one at the end; they may overlap.
        Mark("fill_8");
        _a.mov(__qword_ptr[First], rax);
        _a.mov(__qword_ptr[First + Third - 8], rax);
        SucceedWithZero();
        Mark("fill_4");
        _a.mov(__dword_ptr[First], eax);
        _a.mov(__dword_ptr[First + Third - 4], eax);
        SucceedWithZero();
        Mark("fill_2");
        _a.mov(__word_ptr[First], ax);
        _a.mov(__word_ptr[First + Third - 2], ax);
        SucceedWithZero();

        Mark("fill_over_16");
        _a.movq(xmm0, rax);
        _a.punpcklqdq(xmm0, xmm0);
        _a.cmp(Third, 64);
        _a.ja(L("fill_over_64"));
        _a.movups(__xmmword_ptr[First], xmm0);
        _a.movups(__xmmword_ptr[First + Third - 16], xmm0);
        _a.cmp(Third32, 32);
        _a.jbe(L("fill_done"));
        _a.movups(__xmmword_ptr[First + 16], xmm0);
        _a.movups(__xmmword_ptr[First + Third - 32], xmm0);
        SucceedWithZero();

        Mark("fill_over_64");
        _a.cmp(Third, __qword_ptr[L("repeat_fill_from")]);
        _a.jae(L("fill_repeat"));
        _a.movups(__xmmword_ptr[First], xmm0);
        _a.lea(rcx, __[First + Third - 64]);
        _a.and(First, -16);
        _a.add(First, 16);
        _a.cmp(First, rcx);
        _a.jae(L("fill_tail"));
        MarkLoop("fill_loop");
        for (var i = 0; i < 64; i += 16)
        {
            _a.movaps(__xmmword_ptr[First + i], xmm0);
        }

        _a.add(First, 64);
        _a.cmp(First, rcx);
        _a.jb(L("fill_loop"));
        Mark("fill_tail");
        for (var i = 0; i < 64; i += 16)
        {
            _a.movups(__xmmword_ptr[rcx + i], xmm0);
        }

        SucceedWithZero();

        if (!IsWindows)
        {
            EmitFillRepeat();
        }
    }

    private void EmitFillRepeat()
    {
        Mark("fill_repeat");
        BeginRepeat();
        _a.rep.stosb();
        EndRepeat();
    }

    /// <summary>
    /// Puts the arguments where string operations want them. On Windows rdi and rsi are the caller's: they stay in r10 and r9 meanwhile, where the handler's recovery finds
    /// them too.
    /// </summary>
    private void BeginRepeat()
    {
        _a.mov(rcx, Third);
        if (IsWindows)
        {
            _a.mov(r10, rdi);
            _a.mov(r9, rsi);
            _a.mov(rdi, First);
            _a.mov(rsi, Second);
        }
    }

    private void EndRepeat()
    {
        if (IsWindows)
        {
            _a.mov(rdi, r10);
            _a.mov(rsi, r9);
        }

        SucceedWithZero();
    }
}
