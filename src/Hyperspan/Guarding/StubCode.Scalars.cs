// Written by StubListing in the tests: change StubProgram there, then run StubCodeTests with HYPERSPAN_REGENERATE_STUBS=1.
namespace Hyperspan.Guarding;

internal static partial class StubCode
{
    /// <summary>Loads, stores, compare-exchanges and the write probe: p in rdi, comparand or value in rsi, value in rdx.</summary>
    private static ReadOnlySpan<byte> ScalarsSection =>
    [
        // load1:
        0x0F, 0xB6, 0x07,                                     // movzx eax, byte [rdi]
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        0xCC, 0xCC,                                           // padding
        // load2:
        0x0F, 0xB7, 0x07,                                     // movzx eax, word [rdi]
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        0xCC, 0xCC,                                           // padding
        // load4:
        0x8B, 0x07,                                           // mov eax, [rdi]
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        0xCC, 0xCC, 0xCC,                                     // padding
        // load8:
        0x48, 0x8B, 0x07,                                     // mov rax, [rdi]
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        0xCC, 0xCC,                                           // padding
        // store1:
        0x40, 0x88, 0x37,                                     // mov [rdi], sil
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        // store2:
        0x66, 0x89, 0x37,                                     // mov [rdi], si
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        // store4:
        0x89, 0x37,                                           // mov [rdi], esi
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        0xCC,                                                 // padding
        // store8:
        0x48, 0x89, 0x37,                                     // mov [rdi], rsi
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        // cas1:
        0x40, 0x0F, 0xB6, 0xC6,                               // movzx eax, sil
        0xF0, 0x0F, 0xB0, 0x17,                               // lock cmpxchg [rdi], dl
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC,                         // padding
        // cas2:
        0x0F, 0xB7, 0xC6,                                     // movzx eax, si
        0xF0, 0x66, 0x0F, 0xB1, 0x17,                         // lock cmpxchg [rdi], dx
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC,                         // padding
        // cas4:
        0x89, 0xF0,                                           // mov eax, esi
        0xF0, 0x0F, 0xB1, 0x17,                               // lock cmpxchg [rdi], edx
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,             // padding
        // cas8:
        0x48, 0x89, 0xF0,                                     // mov rax, rsi
        0xF0, 0x48, 0x0F, 0xB1, 0x17,                         // lock cmpxchg [rdi], rdx
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC,                         // padding
        // probe_write:
        0xF0, 0x80, 0x0F, 0x00,                               // lock or byte [rdi], 0
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,             // padding
    ];
}
