using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Hyperspan.Stubs;

internal sealed partial class StubProgram
{
    private static readonly AssemblerRegisterXMM[] Xmm = [xmm0, xmm1, xmm2, xmm3, xmm4, xmm5, xmm6, xmm7, xmm8];
    private static readonly AssemblerRegisterYMM[] Ymm = [ymm0, ymm1, ymm2, ymm3, ymm4, ymm5, ymm6, ymm7, ymm8];
    private static readonly AssemblerRegisterZMM[] Zmm = [zmm0, zmm1, zmm2, zmm3, zmm4, zmm5, zmm6, zmm7, zmm8];

    /// <summary>
    /// memmove. Up to eight registers' worth, everything is loaded before anything is stored, so that overlap does not matter.
    /// Above, a loop with aligned stores runs in the direction that never overwrites what it still has to read; the two ends are
    /// loaded before it and stored after it.
    /// </summary>
    private void EmitCopy(string name, int width)
    {
        Mark(name, 64);
        _a.cmp(rdx, 16);
        _a.ja(L(name + "_over_16"));
        EmitCopyUpTo16(name, width);

        Mark(name + "_over_16");
        if (width > 16)
        {
            _a.cmp(rdx, 32);
            _a.ja(L(name + "_over_32"));
            _a.vmovdqu(xmm0, __xmmword_ptr[rsi]);
            _a.vmovdqu(xmm1, __xmmword_ptr[rsi + rdx - 16]);
            _a.vmovdqu(__xmmword_ptr[rdi], xmm0);
            _a.vmovdqu(__xmmword_ptr[rdi + rdx - 16], xmm1);
            SucceedWithZero();
            Mark(name + "_over_32");
        }

        if (width > 32)
        {
            _a.cmp(rdx, 64);
            _a.ja(L(name + "_over_64"));
            Load(32, 0, __[rsi]);
            Load(32, 1, __[rsi + rdx - 32]);
            Store(32, __[rdi], 0);
            Store(32, __[rdi + rdx - 32], 1);
            CopyDone(32);
            Mark(name + "_over_64");
        }

        for (var pieces = 1; pieces <= 4; pieces *= 2)
        {
            var limit = width * pieces * 2;
            _a.cmp(rdx, limit);
            _a.ja(L($"{name}_over_{limit}"));
            for (var i = 0; i < pieces; i++)
            {
                Load(width, i, __[rsi + (i * width)]);
                Load(width, pieces + i, __[rsi + rdx - ((i + 1) * width)]);
            }

            for (var i = 0; i < pieces; i++)
            {
                Store(width, __[rdi + (i * width)], i);
                Store(width, __[rdi + rdx - ((i + 1) * width)], pieces + i);
            }

            CopyDone(width);
            Mark($"{name}_over_{limit}");
        }

        _a.mov(rax, rdi);
        _a.sub(rax, rsi);
        _a.cmp(rax, rdx);
        _a.jb(L(name + "_backward"));
        _a.cmp(rdx, __qword_ptr[L("repeat_copy_from")]);
        _a.jb(L(name + "_forward"));
        _a.neg(rax);
        _a.cmp(rax, rdx);
        _a.jb(L(name + "_forward"));
        _a.mov(rcx, rdx);
        _a.rep.movsb();
        SucceedWithZero();

        EmitCopyForward(name, width);
        EmitCopyBackward(name, width);
    }

    private void EmitCopyUpTo16(string name, int width)
    {
        _a.cmp(edx, 8);
        _a.jae(L(name + "_8"));
        _a.cmp(edx, 4);
        _a.jae(L(name + "_4"));
        _a.cmp(edx, 2);
        _a.jae(L(name + "_2"));
        _a.test(edx, edx);
        _a.je(L(name + "_done"));
        _a.movzx(eax, __byte_ptr[rsi]);
        _a.mov(__byte_ptr[rdi], al);
        Mark(name + "_done");
        SucceedWithZero();
        Mark(name + "_8");
        _a.mov(rax, __qword_ptr[rsi]);
        _a.mov(rcx, __qword_ptr[rsi + rdx - 8]);
        _a.mov(__qword_ptr[rdi], rax);
        _a.mov(__qword_ptr[rdi + rdx - 8], rcx);
        SucceedWithZero();
        Mark(name + "_4");
        _a.mov(eax, __dword_ptr[rsi]);
        _a.mov(ecx, __dword_ptr[rsi + rdx - 4]);
        _a.mov(__dword_ptr[rdi], eax);
        _a.mov(__dword_ptr[rdi + rdx - 4], ecx);
        SucceedWithZero();
        Mark(name + "_2");
        _a.movzx(eax, __word_ptr[rsi]);
        _a.movzx(ecx, __word_ptr[rsi + rdx - 2]);
        _a.mov(__word_ptr[rdi], ax);
        _a.mov(__word_ptr[rdi + rdx - 2], cx);
        SucceedWithZero();
    }

    private void EmitCopyForward(string name, int width)
    {
        Mark(name + "_forward");
        Load(width, 8, __[rsi]);
        for (var i = 0; i < 4; i++)
        {
            Load(width, 4 + i, __[rsi + rdx - ((4 - i) * width)]);
        }

        _a.mov(r9, rdi);
        _a.lea(r8, __[rdi + rdx - (4 * width)]);
        _a.mov(rax, rdi);
        _a.or(rax, width - 1);
        _a.inc(rax);
        _a.sub(rax, rdi);
        _a.add(rsi, rax);
        _a.add(rdi, rax);
        MarkLoop(name + "_forward_loop");
        for (var i = 0; i < 4; i++)
        {
            Load(width, i, __[rsi + (i * width)]);
        }

        for (var i = 0; i < 4; i++)
        {
            StoreAligned(width, __[rdi + (i * width)], i);
        }

        _a.add(rsi, 4 * width);
        _a.add(rdi, 4 * width);
        _a.cmp(rdi, r8);
        _a.jb(L(name + "_forward_loop"));
        for (var i = 0; i < 4; i++)
        {
            Store(width, __[r8 + (i * width)], 4 + i);
        }

        Store(width, __[r9], 8);
        CopyDone(width);
    }

    private void EmitCopyBackward(string name, int width)
    {
        Mark(name + "_backward");
        Load(width, 8, __[rsi + rdx - width]);
        for (var i = 0; i < 4; i++)
        {
            Load(width, 4 + i, __[rsi + (i * width)]);
        }

        _a.mov(r8, rdi);
        _a.lea(r9, __[rdi + rdx - width]);
        _a.lea(r10, __[rdi + (4 * width)]);
        _a.sub(rsi, rdi);
        _a.lea(rdi, __[rdi + rdx - 1]);
        _a.and(rdi, -width);
        _a.add(rsi, rdi);
        MarkLoop(name + "_backward_loop");
        for (var i = 0; i < 4; i++)
        {
            Load(width, i, __[rsi - ((i + 1) * width)]);
        }

        for (var i = 0; i < 4; i++)
        {
            StoreAligned(width, __[rdi - ((i + 1) * width)], i);
        }

        _a.sub(rsi, 4 * width);
        _a.sub(rdi, 4 * width);
        _a.cmp(rdi, r10);
        _a.ja(L(name + "_backward_loop"));
        for (var i = 0; i < 4; i++)
        {
            Store(width, __[r8 + (i * width)], 4 + i);
        }

        Store(width, __[r9], 8);
        CopyDone(width);
    }

    /// <summary>
    /// A copy that is written strictly upwards, of ranges that do not overlap: where it fails, the destination's bytes below the fault are written and none above. The
    /// processor keeps the place of a string operation exactly.
    /// </summary>
    private void EmitCopyUpwards()
    {
        Mark("copy_upwards", 16);
        _a.mov(rcx, rdx);
        _a.rep.movsb();
        SucceedWithZero();
    }

    private void Load(int width, int register, AssemblerMemoryOperand source)
    {
        if (width == 64)
        {
            _a.vmovdqu64(Zmm[register], source);
        }
        else if (width == 32)
        {
            _a.vmovdqu(Ymm[register], source);
        }
        else
        {
            _a.movups(Xmm[register], source);
        }
    }

    private void Store(int width, AssemblerMemoryOperand destination, int register)
    {
        if (width == 64)
        {
            _a.vmovdqu64(destination, Zmm[register]);
        }
        else if (width == 32)
        {
            _a.vmovdqu(destination, Ymm[register]);
        }
        else
        {
            _a.movups(destination, Xmm[register]);
        }
    }

    private void StoreAligned(int width, AssemblerMemoryOperand destination, int register)
    {
        if (width == 64)
        {
            _a.vmovdqa64(destination, Zmm[register]);
        }
        else if (width == 32)
        {
            _a.vmovdqa(destination, Ymm[register]);
        }
        else
        {
            _a.movaps(destination, Xmm[register]);
        }
    }

    private void CopyDone(int width)
    {
        if (width > 16)
        {
            _a.vzeroupper();
        }

        SucceedWithZero();
    }
}
