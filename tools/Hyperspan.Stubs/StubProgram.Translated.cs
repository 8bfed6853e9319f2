using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Hyperspan.Stubs;

/// <content>
/// Accesses through a table of translations: 2^<see cref="TranslationBits"/> entries of four words: the page that is translated, what is added to an address in it,
/// how often the entry was given away, and none. The arguments are those of the stubs under a bit: table and page number stand where bitmap and bit do.
/// </content>
internal sealed partial class StubProgram
{
    internal const int TranslationBits = 9;
    internal const int TranslationEntryShift = 5;
    internal const int TranslationAddendOffset = 8;
    internal const int TranslationVersionOffset = 16;

    private void EmitTranslated()
    {
        foreach (var size in ScalarSizes)
        {
            // p: rdi, table: rsi, page: rdx.
            Mark($"tlb_load{size}", SequenceAlignment);
            EmitEntry(rcx, rsi, rdx);
            EmitSequenceStart($"tlb_load{size}");
            EmitTranslation(rcx, rdx, r8, r11);
            EmitLoad(size, rdi + r8);
            Mark($"committed_tlb_load{size}");
            Succeed();
            EmitSequenceAbort($"tlb_load{size}");
        }

        foreach (var size in ScalarSizes)
        {
            // p: rdi, value: rsi, table: rdx, page: rcx.
            Mark($"tlb_store{size}", SequenceAlignment);
            EmitEntry(r8, rdx, rcx);
            EmitSequenceStart($"tlb_store{size}");
            EmitTranslation(r8, rcx, rax, r11);
            EmitStore(size, rdi + rax);
            Mark($"committed_tlb_store{size}");
            SucceedWithZero();
            EmitSequenceAbort($"tlb_store{size}");
        }

        foreach (var size in ScalarSizes)
        {
            // p: rdi, comparand: rsi, value: rdx, table: rcx, page: r8.
            Mark($"tlb_cas{size}", SequenceAlignment);
            EmitEntry(r11, rcx, r8);
            EmitComparand(size);
            EmitSequenceStart($"tlb_cas{size}");
            EmitTranslation(r11, r8, rsi, rcx);
            EmitCompareExchange(size, rdi + rsi);
            Mark($"committed_tlb_cas{size}");
            Succeed();
            EmitSequenceAbort($"tlb_cas{size}");
        }
    }

    /// <summary>Where the entry of a page lies.</summary>
    private void EmitEntry(AssemblerRegister64 entry, AssemblerRegister64 table, AssemblerRegister64 page)
    {
        _a.mov(entry, page);
        _a.and(entry, (1 << TranslationBits) - 1);
        _a.shl(entry, TranslationEntryShift);
        _a.add(entry, table);
    }

    /// <summary>
    /// Reads the page and what to add, between two looks at the version: an entry that was given to another page meanwhile has another one by the second look, also where it
    /// has been given back.
    /// </summary>
    private void EmitTranslation(
        AssemblerRegister64 entry, AssemblerRegister64 page, AssemblerRegister64 addend, AssemblerRegister64 version, string otherwise = "bit_clear")
    {
        _a.mov(version, __qword_ptr[entry + TranslationVersionOffset]);
        _a.cmp(__qword_ptr[entry], page);
        _a.jne(L(otherwise));
        _a.mov(addend, __qword_ptr[entry + TranslationAddendOffset]);
        _a.cmp(__qword_ptr[entry + TranslationVersionOffset], version);
        _a.jne(L(otherwise));
    }

    private void EmitLoad(int size, AssemblerMemoryOperand at)
    {
        switch (size)
        {
            case 1:
                _a.movzx(eax, __byte_ptr[at]);
                break;
            case 2:
                _a.movzx(eax, __word_ptr[at]);
                break;
            case 4:
                _a.mov(eax, __dword_ptr[at]);
                break;
            default:
                _a.mov(rax, __qword_ptr[at]);
                break;
        }
    }

    private void EmitStore(int size, AssemblerMemoryOperand at)
    {
        switch (size)
        {
            case 1:
                _a.mov(__byte_ptr[at], sil);
                break;
            case 2:
                _a.mov(__word_ptr[at], si);
                break;
            case 4:
                _a.mov(__dword_ptr[at], esi);
                break;
            default:
                _a.mov(__qword_ptr[at], rsi);
                break;
        }
    }

    /// <summary>Puts the comparand, which is in rsi, where the exchange wants it.</summary>
    private void EmitComparand(int size)
    {
        switch (size)
        {
            case 1:
                _a.movzx(eax, sil);
                break;
            case 2:
                _a.movzx(eax, si);
                break;
            case 4:
                _a.mov(eax, esi);
                break;
            default:
                _a.mov(rax, rsi);
                break;
        }
    }

    private void EmitCompareExchange(int size, AssemblerMemoryOperand at)
    {
        switch (size)
        {
            case 1:
                _a.@lock.cmpxchg(__byte_ptr[at], dl);
                break;
            case 2:
                _a.@lock.cmpxchg(__word_ptr[at], dx);
                break;
            case 4:
                _a.@lock.cmpxchg(__dword_ptr[at], edx);
                break;
            default:
                _a.@lock.cmpxchg(__qword_ptr[at], rdx);
                break;
        }
    }
}
