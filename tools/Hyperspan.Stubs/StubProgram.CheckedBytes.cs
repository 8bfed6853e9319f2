using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Hyperspan.Stubs;

/// <content>
/// Copies of 4 to 64 bytes to or from one page, under its bit or by its translation. A read loads everything in one sequence, which has no effect but on registers, and stores
/// behind it. A write is one sequence for each of its stores, upwards: what it answers where one does not take effect says how far it came.
/// </content>
internal sealed partial class StubProgram
{
    internal static IReadOnlyList<int> PieceSizes => [16, 8, 4];

    /// <summary>The sequences of the copies of one family, by its prefix.</summary>
    internal static IEnumerable<string> CopySequences(string prefix) => [$"{prefix}read", .. PieceSizes.Select(size => $"{prefix}write{size}")];

    /// <summary>Those of the writes by wide stores.</summary>
    internal static IEnumerable<string> WideSequences(string prefix) => [$"{prefix}write_first", $"{prefix}write_last"];

    private void EmitCheckedBytes(bool translated)
    {
        EmitCheckedRead(translated);
        EmitCheckedWrite(translated);
    }

    /// <summary>destination: rdi, p: rsi, length: rdx, bitmap or table: rcx, bit or page: r8.</summary>
    private void EmitCheckedRead(bool translated)
    {
        string name = translated ? "tlb_read" : "read";
        Mark(translated ? "tlb_read" : "bit_read", 64);
        EmitPlaceOfCheck(translated);
        EmitSequenceStart(name);
        EmitCheck(translated, "bit_clear", p: rsi, version: rcx);
        _a.cmp(rdx, 16);
        _a.jb(L(name + "_short"));
        _a.movups(xmm0, __xmmword_ptr[rax]);
        _a.movups(xmm3, __xmmword_ptr[rax + rdx - 16]);
        _a.cmp(rdx, 32);
        _a.jbe(L("committed_" + name));
        _a.movups(xmm1, __xmmword_ptr[rax + 16]);
        _a.movups(xmm2, __xmmword_ptr[rax + rdx - 32]);
        _a.jmp(L("committed_" + name));
        Mark(name + "_short");
        _a.cmp(rdx, 8);
        _a.jb(L(name + "_least"));
        _a.movq(xmm0, __qword_ptr[rax]);
        _a.movq(xmm3, __qword_ptr[rax + rdx - 8]);
        _a.jmp(L("committed_" + name));
        Mark(name + "_least");
        _a.movd(xmm0, __dword_ptr[rax]);
        _a.movd(xmm3, __dword_ptr[rax + rdx - 4]);
        Mark("committed_" + name);
        _a.cmp(rdx, 16);
        _a.jb(L(name + "_short_store"));
        _a.cmp(rdx, 32);
        _a.jbe(L(name + "_ends"));
        _a.movups(__xmmword_ptr[rdi + 16], xmm1);
        _a.movups(__xmmword_ptr[rdi + rdx - 32], xmm2);
        Mark(name + "_ends");
        _a.movups(__xmmword_ptr[rdi], xmm0);
        _a.movups(__xmmword_ptr[rdi + rdx - 16], xmm3);
        SucceedWithZero();
        Mark(name + "_short_store");
        _a.cmp(rdx, 8);
        _a.jb(L(name + "_least_store"));
        _a.movq(__qword_ptr[rdi], xmm0);
        _a.movq(__qword_ptr[rdi + rdx - 8], xmm3);
        SucceedWithZero();
        Mark(name + "_least_store");
        _a.movd(__dword_ptr[rdi], xmm0);
        _a.movd(__dword_ptr[rdi + rdx - 4], xmm3);
        SucceedWithZero();
        EmitSequenceAbort(name);
    }

    /// <summary>
    /// p: rdi, source: rsi, length: rdx, bitmap or table: rcx, bit or page: r8. All of the source is loaded before anything is stored: it may be the page itself. Then
    /// r11 says where the next store begins, and rdx where the last one does, which may overlap the one before.
    /// </summary>
    private void EmitCheckedWrite(bool translated)
    {
        string prefix = translated ? "tlb_" : "";
        Mark(translated ? "tlb_write" : "bit_write", 64);
        EmitPlaceOfCheck(translated);
        _a.mov(rcx, r11);
        EmitArea();
        _a.xor(r11d, r11d);
        _a.cmp(rdx, 16);
        _a.jb(L(prefix + "write_short"));
        _a.movups(xmm0, __xmmword_ptr[rsi]);
        _a.movups(xmm3, __xmmword_ptr[rsi + rdx - 16]);
        _a.cmp(rdx, 32);
        _a.jbe(L(prefix + "write_loaded"));
        _a.movups(xmm1, __xmmword_ptr[rsi + 16]);

        // Where there is none in the middle these are not used; they lie in the source all the same.
        _a.movups(xmm2, __xmmword_ptr[rsi + rdx - 32]);
        _a.cmp(rdx, 48);
        _a.jbe(L(prefix + "write_loaded"));
        _a.movups(xmm2, __xmmword_ptr[rsi + 32]);
        Mark(prefix + "write_loaded");
        _a.sub(rdx, 16);
        EmitStores(translated, 16);
        Mark(prefix + "write_short");
        _a.cmp(rdx, 8);
        _a.jb(L(prefix + "write_least"));
        _a.movq(xmm0, __qword_ptr[rsi]);
        _a.movq(xmm3, __qword_ptr[rsi + rdx - 8]);
        _a.sub(rdx, 8);
        EmitStores(translated, 8);
        Mark(prefix + "write_least");
        _a.movd(xmm0, __dword_ptr[rsi]);
        _a.movd(xmm3, __dword_ptr[rsi + rdx - 4]);
        _a.sub(rdx, 4);
        EmitStores(translated, 4);
    }

    /// <summary>The same where there are registers of 32 bytes: two stores at most. Shorter writes are the other's.</summary>
    private void EmitCheckedWideWrite(bool translated)
    {
        string prefix = translated ? "tlb_" : "";
        Mark(translated ? "tlb_write_avx" : "bit_write_avx", 64);
        _a.cmp(rdx, 32);
        _a.jb(L(translated ? "tlb_write" : "bit_write"));
        EmitPlaceOfCheck(translated);
        _a.mov(rcx, r11);
        EmitArea();
        _a.vmovdqu(ymm0, __ymmword_ptr[rsi]);
        _a.vmovdqu(ymm1, __ymmword_ptr[rsi + rdx - 32]);
        foreach (string name in WideSequences(prefix))
        {
            bool isLast = name.EndsWith("last", StringComparison.Ordinal);
            EmitArmingAgain(name);
            EmitCheck(translated, "part_" + name, p: rdi, version: r10);
            if (isLast)
            {
                _a.vmovdqu(__ymmword_ptr[rax + rdx - 32], ymm1);
                Mark("committed_" + name);
            }
            else
            {
                _a.vmovdqu(__ymmword_ptr[rax], ymm0);
                Mark("committed_" + name);
                _a.cmp(rdx, 32);
                _a.je(L($"committed_{prefix}write_last"));
            }
        }

        _a.vzeroupper();
        SucceedWithZero();
        Mark($"part_{prefix}write_last");
        _a.mov(eax, 32);
        _a.jmp(L($"{prefix}write_wide_part"));
        Mark($"part_{prefix}write_first");
        _a.xor(eax, eax);
        Mark($"{prefix}write_wide_part");
        _a.mov(edx, StatusBitClear);
        _a.vzeroupper();
        _a.ret();
        foreach (string name in WideSequences(prefix))
        {
            EmitSequenceAbort(name);
        }
    }

    private void EmitStores(bool translated, int size)
    {
        string name = $"{(translated ? "tlb_" : "")}write{size}";
        EmitArmingAgain(name);
        EmitCheck(translated, "part_" + name, p: rdi, version: r10);
        switch (size)
        {
            case 16:
                _a.movups(__xmmword_ptr[rax + r11], xmm0);
                break;
            case 8:
                _a.movq(__qword_ptr[rax + r11], xmm0);
                break;
            default:
                _a.movd(__dword_ptr[rax + r11], xmm0);
                break;
        }

        Mark("committed_" + name);
        _a.cmp(r11, rdx);
        _a.je(L("done_" + name));
        _a.add(r11, size);
        _a.movaps(xmm0, xmm1);
        _a.movaps(xmm1, xmm2);
        _a.cmp(r11, rdx);
        _a.jb(L("arm_" + name));
        _a.mov(r11, rdx);
        _a.movaps(xmm0, xmm3);
        _a.jmp(L("arm_" + name));
        Mark("done_" + name);
        SucceedWithZero();
        Mark("part_" + name);
        _a.lea(rax, __[r11 + size - 1]);
        _a.and(rax, -size);
        _a.mov(edx, StatusBitClear);
        _a.ret();
        EmitSequenceAbort(name);
    }

    /// <summary>Arms a sequence of several in one stub: r9 is the area, and r10 is free behind it.</summary>
    private void EmitArmingAgain(string name)
    {
        Mark("arm_" + name);
        _a.lea(r10, __[L("sequence_" + name)]);
        _a.mov(__qword_ptr.fs[r9 + LinuxAbi.RseqDescriptorOffset], r10);
        Mark("start_" + name);
    }

    /// <summary>Leaves in r11 where the byte of the bit or the entry of the page lies.</summary>
    private void EmitPlaceOfCheck(bool translated)
    {
        if (translated)
        {
            EmitEntry(r11, rcx, r8);
            return;
        }

        _a.mov(r11, r8);
        _a.shr(r11, 3);
        _a.add(r11, rcx);
        _a.and(r8d, 7);
    }

    /// <summary>In a sequence: looks at the bit or the translation, and leaves in rax where the memory is.</summary>
    private void EmitCheck(bool translated, string otherwise, AssemblerRegister64 p, AssemblerRegister64 version)
    {
        AssemblerRegister64 place = version == rcx ? r11 : rcx;
        if (translated)
        {
            EmitTranslation(place, r8, rax, version, otherwise);
            _a.add(rax, p);
            return;
        }

        _a.movzx(eax, __byte_ptr[place]);
        _a.bt(eax, r8d);
        _a.jae(L(otherwise));
        _a.mov(rax, p);
    }
}
