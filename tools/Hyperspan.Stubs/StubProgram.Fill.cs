using static Iced.Intel.AssemblerRegisters;

namespace Hyperspan.Stubs;

internal sealed partial class StubProgram
{
    private void EmitFill()
    {
        Mark("fill", 64);
        _a.movzx(eax, sil);
        _a.mov(rcx, 0x0101010101010101UL);
        _a.imul(rax, rcx);
        _a.cmp(rdx, 16);
        _a.ja(L("fill_over_16"));
        _a.cmp(edx, 8);
        _a.jae(L("fill_8"));
        _a.cmp(edx, 4);
        _a.jae(L("fill_4"));
        _a.cmp(edx, 2);
        _a.jae(L("fill_2"));
        _a.test(edx, edx);
        _a.je(L("fill_done"));
        _a.mov(__byte_ptr[rdi], al);
        Mark("fill_done");
        SucceedWithZero();

        // From here on: one piece at the start and one at the end; they may overlap.
        Mark("fill_8");
        _a.mov(__qword_ptr[rdi], rax);
        _a.mov(__qword_ptr[rdi + rdx - 8], rax);
        SucceedWithZero();
        Mark("fill_4");
        _a.mov(__dword_ptr[rdi], eax);
        _a.mov(__dword_ptr[rdi + rdx - 4], eax);
        SucceedWithZero();
        Mark("fill_2");
        _a.mov(__word_ptr[rdi], ax);
        _a.mov(__word_ptr[rdi + rdx - 2], ax);
        SucceedWithZero();

        Mark("fill_over_16");
        _a.movq(xmm0, rax);
        _a.punpcklqdq(xmm0, xmm0);
        _a.cmp(rdx, 64);
        _a.ja(L("fill_over_64"));
        _a.movups(__xmmword_ptr[rdi], xmm0);
        _a.movups(__xmmword_ptr[rdi + rdx - 16], xmm0);
        _a.cmp(edx, 32);
        _a.jbe(L("fill_done"));
        _a.movups(__xmmword_ptr[rdi + 16], xmm0);
        _a.movups(__xmmword_ptr[rdi + rdx - 32], xmm0);
        SucceedWithZero();

        Mark("fill_over_64");
        _a.cmp(rdx, __qword_ptr[L("repeat_fill_from")]);
        _a.jae(L("fill_repeat"));
        _a.movups(__xmmword_ptr[rdi], xmm0);
        _a.lea(rcx, __[rdi + rdx - 64]);
        _a.and(rdi, -16);
        _a.add(rdi, 16);
        _a.cmp(rdi, rcx);
        _a.jae(L("fill_tail"));
        MarkLoop("fill_loop");
        for (var i = 0; i < 64; i += 16)
        {
            _a.movaps(__xmmword_ptr[rdi + i], xmm0);
        }

        _a.add(rdi, 64);
        _a.cmp(rdi, rcx);
        _a.jb(L("fill_loop"));
        Mark("fill_tail");
        for (var i = 0; i < 64; i += 16)
        {
            _a.movups(__xmmword_ptr[rcx + i], xmm0);
        }

        SucceedWithZero();

        Mark("fill_repeat");
        _a.mov(rcx, rdx);
        _a.rep.stosb();
        SucceedWithZero();
    }
}
