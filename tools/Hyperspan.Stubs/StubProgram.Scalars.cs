using static Iced.Intel.AssemblerRegisters;

namespace Hyperspan.Stubs;

internal sealed partial class StubProgram
{
    private void EmitScalars()
    {
        Mark("load1", 16);
        _a.movzx(eax, __byte_ptr[rdi]);
        Succeed();
        Mark("load2", 16);
        _a.movzx(eax, __word_ptr[rdi]);
        Succeed();
        Mark("load4", 16);
        _a.mov(eax, __dword_ptr[rdi]);
        Succeed();
        Mark("load8", 16);
        _a.mov(rax, __qword_ptr[rdi]);
        Succeed();

        Mark("store1", 16);
        _a.mov(__byte_ptr[rdi], sil);
        SucceedWithZero();
        Mark("store2", 16);
        _a.mov(__word_ptr[rdi], si);
        SucceedWithZero();
        Mark("store4", 16);
        _a.mov(__dword_ptr[rdi], esi);
        SucceedWithZero();
        Mark("store8", 16);
        _a.mov(__qword_ptr[rdi], rsi);
        SucceedWithZero();

        // The original value ends in rax whether or not the exchange took place.
        Mark("cas1", 16);
        _a.movzx(eax, sil);
        _a.@lock.cmpxchg(__byte_ptr[rdi], dl);
        Succeed();
        Mark("cas2", 16);
        _a.movzx(eax, si);
        _a.@lock.cmpxchg(__word_ptr[rdi], dx);
        Succeed();
        Mark("cas4", 16);
        _a.mov(eax, esi);
        _a.@lock.cmpxchg(__dword_ptr[rdi], edx);
        Succeed();
        Mark("cas8", 16);
        _a.mov(rax, rsi);
        _a.@lock.cmpxchg(__qword_ptr[rdi], rdx);
        Succeed();

        // Writes, and changes nothing.
        Mark("probe_write", 16);
        _a.@lock.or(__byte_ptr[rdi], 0);
        SucceedWithZero();
    }

    private void Succeed()
    {
        _a.xor(edx, edx);
        _a.ret();
    }

    private void SucceedWithZero()
    {
        _a.xor(eax, eax);
        Succeed();
    }
}
