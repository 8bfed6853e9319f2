using static Iced.Intel.AssemblerRegisters;

namespace Hyperspan.Stubs;

internal sealed partial class StubProgram
{
    private void EmitScalars()
    {
        Enter("load1", 16);
        _a.movzx(eax, __byte_ptr[First]);
        Succeed();
        Enter("load2", 16);
        _a.movzx(eax, __word_ptr[First]);
        Succeed();
        Enter("load4", 16);
        _a.mov(eax, __dword_ptr[First]);
        Succeed();
        Enter("load8", 16);
        _a.mov(rax, __qword_ptr[First]);
        Succeed();

        Enter("store1", 16);
        _a.mov(__byte_ptr[First], Second8);
        SucceedWithZero();
        Enter("store2", 16);
        _a.mov(__word_ptr[First], Second16);
        SucceedWithZero();
        Enter("store4", 16);
        _a.mov(__dword_ptr[First], Second32);
        SucceedWithZero();
        Enter("store8", 16);
        _a.mov(__qword_ptr[First], Second);
        SucceedWithZero();

        // The original value ends in rax whether or not the exchange took place.
        Enter("cas1", 16);
        _a.movzx(eax, Second8);
        _a.@lock.cmpxchg(__byte_ptr[First], Third8);
        Succeed();
        Enter("cas2", 16);
        _a.movzx(eax, Second16);
        _a.@lock.cmpxchg(__word_ptr[First], Third16);
        Succeed();
        Enter("cas4", 16);
        _a.mov(eax, Second32);
        _a.@lock.cmpxchg(__dword_ptr[First], Third32);
        Succeed();
        Enter("cas8", 16);
        _a.mov(rax, Second);
        _a.@lock.cmpxchg(__qword_ptr[First], Third);
        Succeed();

        // Writes, and changes nothing.
        Enter("probe_write", 16);
        _a.@lock.or(__byte_ptr[First], 0);
        SucceedWithZero();
    }

    /// <summary>
    /// The first instruction of a stub. On Windows the answer goes to memory of the caller, whose address stays in r11: that is where the handler's recovery finds it.
    /// </summary>
    private void Enter(string name, int alignment)
    {
        Mark(name, alignment);
        if (IsWindows)
        {
            _a.mov(r11, rcx);
        }
    }

    /// <summary>Answers what is in rax.</summary>
    private void Succeed()
    {
        if (IsWindows)
        {
            _a.mov(__qword_ptr[r11], rax);
            _a.xor(ecx, ecx);
            _a.mov(__qword_ptr[r11 + sizeof(ulong)], rcx);
            _a.mov(rax, r11);
        }
        else
        {
            _a.xor(edx, edx);
        }

        _a.ret();
    }

    private void SucceedWithZero()
    {
        _a.xor(eax, eax);
        Succeed();
    }
}
