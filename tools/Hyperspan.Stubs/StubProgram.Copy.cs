using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Hyperspan.Stubs;

internal sealed partial class StubProgram
{
    /// <summary>
    /// memmove. Up to eight registers' worth, everything is loaded before anything is stored, so that overlap does not matter.
    /// Above, a loop with aligned stores runs in the direction that never overwrites what it still has to read; the two ends are
    /// loaded before it and stored after it.
    /// </summary>
    private void EmitCopy(string name, int width)
    {
        var unroll = _platform.Unroll(width);
        Enter(name, 64);
        _a.cmp(Third, 16);
        _a.ja(L(name + "_over_16"));
        EmitCopyUpTo16(name, width);

        Mark(name + "_over_16");
        if (width > 16)
        {
            _a.cmp(Third, 32);
            _a.ja(L(name + "_over_32"));
            _a.vmovdqu(xmm0, __xmmword_ptr[Second]);
            _a.vmovdqu(xmm1, __xmmword_ptr[Second + Third - 16]);
            _a.vmovdqu(__xmmword_ptr[First], xmm0);
            _a.vmovdqu(__xmmword_ptr[First + Third - 16], xmm1);
            SucceedWithZero();
            Mark(name + "_over_32");
        }

        if (width > 32)
        {
            _a.cmp(Third, 64);
            _a.ja(L(name + "_over_64"));
            Load(32, 0, __[Second]);
            Load(32, 1, __[Second + Third - 32]);
            Store(32, __[First], 0);
            Store(32, __[First + Third - 32], 1);
            CopyDone(32);
            Mark(name + "_over_64");
        }

        for (var pieces = 1; pieces <= unroll; pieces *= 2)
        {
            var limit = width * pieces * 2;
            _a.cmp(Third, limit);
            _a.ja(L($"{name}_over_{limit}"));
            for (var i = 0; i < pieces; i++)
            {
                Load(width, i, __[Second + (i * width)]);
                Load(width, pieces + i, __[Second + Third - ((i + 1) * width)]);
            }

            for (var i = 0; i < pieces; i++)
            {
                Store(width, __[First + (i * width)], i);
                Store(width, __[First + Third - ((i + 1) * width)], pieces + i);
            }

            CopyDone(width);
            Mark($"{name}_over_{limit}");
        }

        _a.mov(rax, First);
        _a.sub(rax, Second);
        _a.cmp(rax, Third);
        _a.jb(L(name + "_backward"));
        _a.cmp(Third, __qword_ptr[L("repeat_copy_from")]);
        _a.jb(L(name + "_forward"));
        _a.neg(rax);
        _a.cmp(rax, Third);
        _a.jb(L(name + "_forward"));
        if (IsWindows)
        {
            _a.jmp(L("copy_repeat"));
        }
        else
        {
            EmitCopyRepeat();
        }

        EmitCopyForward(name, width);
        EmitCopyBackward(name, width);
    }

    private void EmitCopyUpTo16(string name, int width)
    {
        _a.cmp(Third32, 8);
        _a.jae(L(name + "_8"));
        _a.cmp(Third32, 4);
        _a.jae(L(name + "_4"));
        _a.cmp(Third32, 2);
        _a.jae(L(name + "_2"));
        _a.test(Third32, Third32);
        _a.je(L(name + "_done"));
        _a.movzx(eax, __byte_ptr[Second]);
        _a.mov(__byte_ptr[First], al);
        Mark(name + "_done");
        SucceedWithZero();
        Mark(name + "_8");
        _a.mov(rax, __qword_ptr[Second]);
        _a.mov(rcx, __qword_ptr[Second + Third - 8]);
        _a.mov(__qword_ptr[First], rax);
        _a.mov(__qword_ptr[First + Third - 8], rcx);
        SucceedWithZero();
        Mark(name + "_4");
        _a.mov(eax, __dword_ptr[Second]);
        _a.mov(ecx, __dword_ptr[Second + Third - 4]);
        _a.mov(__dword_ptr[First], eax);
        _a.mov(__dword_ptr[First + Third - 4], ecx);
        SucceedWithZero();
        Mark(name + "_2");
        _a.movzx(eax, __word_ptr[Second]);
        _a.movzx(ecx, __word_ptr[Second + Third - 2]);
        _a.mov(__word_ptr[First], ax);
        _a.mov(__word_ptr[First + Third - 2], cx);
        SucceedWithZero();
    }

    private void EmitCopyForward(string name, int width)
    {
        var unroll = _platform.Unroll(width);
        Mark(name + "_forward");
        Load(width, 2 * unroll, __[Second]);
        for (var i = 0; i < unroll; i++)
        {
            Load(width, unroll + i, __[Second + Third - ((unroll - i) * width)]);
        }

        _a.mov(Scratch2, First);
        _a.lea(Scratch1, __[First + Third - (unroll * width)]);
        _a.mov(rax, First);
        _a.or(rax, width - 1);
        _a.inc(rax);
        _a.sub(rax, First);
        _a.add(Second, rax);
        _a.add(First, rax);
        MarkLoop(name + "_forward_loop");
        for (var i = 0; i < unroll; i++)
        {
            Load(width, i, __[Second + (i * width)]);
        }

        for (var i = 0; i < unroll; i++)
        {
            StoreAligned(width, __[First + (i * width)], i);
        }

        _a.add(Second, unroll * width);
        _a.add(First, unroll * width);
        _a.cmp(First, Scratch1);
        _a.jb(L(name + "_forward_loop"));
        for (var i = 0; i < unroll; i++)
        {
            Store(width, __[Scratch1 + (i * width)], unroll + i);
        }

        Store(width, __[Scratch2], 2 * unroll);
        CopyDone(width);
    }

    private void EmitCopyBackward(string name, int width)
    {
        var unroll = _platform.Unroll(width);
        Mark(name + "_backward");
        Load(width, 2 * unroll, __[Second + Third - width]);
        for (var i = 0; i < unroll; i++)
        {
            Load(width, unroll + i, __[Second + (i * width)]);
        }

        _a.mov(Scratch1, First);
        _a.lea(Scratch2, __[First + Third - width]);
        _a.lea(Scratch3, __[First + (unroll * width)]);
        _a.sub(Second, First);
        _a.lea(First, __[First + Third - 1]);
        _a.and(First, -width);
        _a.add(Second, First);
        MarkLoop(name + "_backward_loop");
        for (var i = 0; i < unroll; i++)
        {
            Load(width, i, __[Second - ((i + 1) * width)]);
        }

        for (var i = 0; i < unroll; i++)
        {
            StoreAligned(width, __[First - ((i + 1) * width)], i);
        }

        _a.sub(Second, unroll * width);
        _a.sub(First, unroll * width);
        _a.cmp(First, Scratch3);
        _a.ja(L(name + "_backward_loop"));
        for (var i = 0; i < unroll; i++)
        {
            Store(width, __[Scratch1 + (i * width)], unroll + i);
        }

        Store(width, __[Scratch2], 2 * unroll);
        CopyDone(width);
    }

    /// <summary>
    /// A copy that is written strictly upwards, of ranges that do not overlap: where it fails, the destination's bytes below the fault are written and none above. The
    /// processor keeps the place of a string operation exactly.
    /// </summary>
    private void EmitCopyUpwards()
    {
        Enter("copy_upwards", 16);
        if (IsWindows)
        {
            _a.jmp(L("copy_repeat"));
        }
        else
        {
            EmitCopyRepeat();
        }
    }

    /// <summary>The string operations of Windows, which all lie behind the stubs that leave rdi and rsi alone: they are recovered in their own way.</summary>
    private void EmitRepeats()
    {
        EmitFillRepeat();
        Mark("copy_repeat");
        EmitCopyRepeat();
    }

    private void EmitCopyRepeat()
    {
        BeginRepeat();
        _a.rep.movsb();
        EndRepeat();
    }

    private void Load(int width, int register, AssemblerMemoryOperand source)
    {
        if (width == 64)
        {
            _a.vmovdqu64(_platform.Zmm[register], source);
        }
        else if (width == 32)
        {
            _a.vmovdqu(_platform.Ymm[register], source);
        }
        else
        {
            _a.movups(_platform.Xmm[register], source);
        }
    }

    private void Store(int width, AssemblerMemoryOperand destination, int register)
    {
        if (width == 64)
        {
            _a.vmovdqu64(destination, _platform.Zmm[register]);
        }
        else if (width == 32)
        {
            _a.vmovdqu(destination, _platform.Ymm[register]);
        }
        else
        {
            _a.movups(destination, _platform.Xmm[register]);
        }
    }

    private void StoreAligned(int width, AssemblerMemoryOperand destination, int register)
    {
        if (width == 64)
        {
            _a.vmovdqa64(destination, _platform.Zmm[register]);
        }
        else if (width == 32)
        {
            _a.vmovdqa(destination, _platform.Ymm[register]);
        }
        else
        {
            _a.movaps(destination, _platform.Xmm[register]);
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
