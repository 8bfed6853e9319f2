// Written by StubListing in the tests: change StubProgram there, then run StubCodeTests with HYPERSPAN_REGENERATE_STUBS=1.
namespace Hyperspan.Guarding;

internal static partial class StubCode
{
    /// <summary>Accesses that count only under a set bit: bitmap and bit index in the last two arguments.</summary>
    private static ReadOnlySpan<byte> BitCheckedSection =>
    [
        // bit_load1:
        0x48, 0x89, 0xD1,                                     // mov rcx, rdx
        0x48, 0xC1, 0xE9, 0x03,                               // shr rcx, 3
        0x83, 0xE2, 0x07,                                     // and edx, 7
        0x0F, 0xB6, 0x04, 0x0E,                               // movzx eax, byte [rsi+rcx]
        0x0F, 0xA3, 0xD0,                                     // bt eax, edx
        0x0F, 0x83, 0xC9, 0x00, 0x00, 0x00,                   // jae bit_clear
        0x0F, 0xB6, 0x07,                                     // movzx eax, byte [rdi]
        0x0F, 0xB6, 0x0C, 0x0E,                               // movzx ecx, byte [rsi+rcx]
        0x0F, 0xA3, 0xD1,                                     // bt ecx, edx
        0x0F, 0x83, 0xB9, 0x00, 0x00, 0x00,                   // jae bit_clear
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,                   // padding
        // bit_load2:
        0x48, 0x89, 0xD1,                                     // mov rcx, rdx
        0x48, 0xC1, 0xE9, 0x03,                               // shr rcx, 3
        0x83, 0xE2, 0x07,                                     // and edx, 7
        0x0F, 0xB6, 0x04, 0x0E,                               // movzx eax, byte [rsi+rcx]
        0x0F, 0xA3, 0xD0,                                     // bt eax, edx
        0x0F, 0x83, 0x99, 0x00, 0x00, 0x00,                   // jae bit_clear
        0x0F, 0xB7, 0x07,                                     // movzx eax, word [rdi]
        0x0F, 0xB6, 0x0C, 0x0E,                               // movzx ecx, byte [rsi+rcx]
        0x0F, 0xA3, 0xD1,                                     // bt ecx, edx
        0x0F, 0x83, 0x89, 0x00, 0x00, 0x00,                   // jae bit_clear
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,                   // padding
        // bit_load4:
        0x48, 0x89, 0xD1,                                     // mov rcx, rdx
        0x48, 0xC1, 0xE9, 0x03,                               // shr rcx, 3
        0x83, 0xE2, 0x07,                                     // and edx, 7
        0x0F, 0xB6, 0x04, 0x0E,                               // movzx eax, byte [rsi+rcx]
        0x0F, 0xA3, 0xD0,                                     // bt eax, edx
        0x73, 0x4D,                                           // jae bit_clear
        0x8B, 0x07,                                           // mov eax, [rdi]
        0x0F, 0xB6, 0x0C, 0x0E,                               // movzx ecx, byte [rsi+rcx]
        0x0F, 0xA3, 0xD1,                                     // bt ecx, edx
        0x73, 0x42,                                           // jae bit_clear
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,             // padding
        // bit_load8:
        0x48, 0x89, 0xD1,                                     // mov rcx, rdx
        0x48, 0xC1, 0xE9, 0x03,                               // shr rcx, 3
        0x83, 0xE2, 0x07,                                     // and edx, 7
        0x0F, 0xB6, 0x04, 0x0E,                               // movzx eax, byte [rsi+rcx]
        0x0F, 0xA3, 0xD0,                                     // bt eax, edx
        0x73, 0x1D,                                           // jae bit_clear
        0x48, 0x8B, 0x07,                                     // mov rax, [rdi]
        0x0F, 0xB6, 0x0C, 0x0E,                               // movzx ecx, byte [rsi+rcx]
        0x0F, 0xA3, 0xD1,                                     // bt ecx, edx
        0x73, 0x11,                                           // jae bit_clear
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,                   // padding
        // bit_clear:
        0x31, 0xC0,                                           // xor eax, eax
        0xBA, 0x00, 0x01, 0x00, 0x00,                         // mov edx, 0x100
        0xC3,                                                 // ret
        // not_restartable:
        0x31, 0xC0,                                           // xor eax, eax
        0xBA, 0x01, 0x01, 0x00, 0x00,                         // mov edx, 0x101
        0xC3,                                                 // ret
        // bit_store1:
        0x48, 0x89, 0xC8,                                     // mov rax, rcx
        0x48, 0xC1, 0xE8, 0x03,                               // shr rax, 3
        0x48, 0x01, 0xC2,                                     // add rdx, rax
        0x83, 0xE1, 0x07,                                     // and ecx, 7
        0x64, 0x4C, 0x8B, 0x0C, 0x25, 0x00, 0x00, 0x00, 0x00, // mov r9, [fs:0]
        0x4C, 0x03, 0x0D, 0xDB, 0x08, 0x00, 0x00,             // add r9, [rel restartable_area]
        0x41, 0x83, 0x79, 0x04, 0x00,                         // cmp dword [r9+4], 0
        0x7C, 0xD4,                                           // jl not_restartable
        0x4C, 0x8D, 0x15, 0xF5, 0x08, 0x00, 0x00,             // lea r10, [rel sequence_store1]
        // arm_store1:
        0x4D, 0x89, 0x51, 0x08,                               // mov [r9+8], r10
        // start_store1:
        0x0F, 0xB6, 0x02,                                     // movzx eax, byte [rdx]
        0x0F, 0xA3, 0xC8,                                     // bt eax, ecx
        0x73, 0xB9,                                           // jae bit_clear
        0x40, 0x88, 0x37,                                     // mov [rdi], sil
        // committed_store1:
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0x0F, 0xB9, 0x3D, 0x53, 0x30, 0x05, 0x53,             // ud1 edi, [rel 0x53053359]
        // abort_store1:
        0xEB, 0xE3,                                           // jmp arm_store1
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        // bit_store2:
        0x48, 0x89, 0xC8,                                     // mov rax, rcx
        0x48, 0xC1, 0xE8, 0x03,                               // shr rax, 3
        0x48, 0x01, 0xC2,                                     // add rdx, rax
        0x83, 0xE1, 0x07,                                     // and ecx, 7
        0x64, 0x4C, 0x8B, 0x0C, 0x25, 0x00, 0x00, 0x00, 0x00, // mov r9, [fs:0]
        0x4C, 0x03, 0x0D, 0x8B, 0x08, 0x00, 0x00,             // add r9, [rel restartable_area]
        0x41, 0x83, 0x79, 0x04, 0x00,                         // cmp dword [r9+4], 0
        0x7C, 0x84,                                           // jl not_restartable
        0x4C, 0x8D, 0x15, 0xC5, 0x08, 0x00, 0x00,             // lea r10, [rel sequence_store2]
        // arm_store2:
        0x4D, 0x89, 0x51, 0x08,                               // mov [r9+8], r10
        // start_store2:
        0x0F, 0xB6, 0x02,                                     // movzx eax, byte [rdx]
        0x0F, 0xA3, 0xC8,                                     // bt eax, ecx
        0x0F, 0x83, 0x65, 0xFF, 0xFF, 0xFF,                   // jae bit_clear
        0x66, 0x89, 0x37,                                     // mov [rdi], si
        // committed_store2:
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0x0F, 0xB9, 0x3D, 0x53, 0x30, 0x05, 0x53,             // ud1 edi, [rel 0x530533AD]
        // abort_store2:
        0xEB, 0xDF,                                           // jmp arm_store2
        0xCC, 0xCC, 0xCC, 0xCC,                               // padding
        // bit_store4:
        0x48, 0x89, 0xC8,                                     // mov rax, rcx
        0x48, 0xC1, 0xE8, 0x03,                               // shr rax, 3
        0x48, 0x01, 0xC2,                                     // add rdx, rax
        0x83, 0xE1, 0x07,                                     // and ecx, 7
        0x64, 0x4C, 0x8B, 0x0C, 0x25, 0x00, 0x00, 0x00, 0x00, // mov r9, [fs:0]
        0x4C, 0x03, 0x0D, 0x3B, 0x08, 0x00, 0x00,             // add r9, [rel restartable_area]
        0x41, 0x83, 0x79, 0x04, 0x00,                         // cmp dword [r9+4], 0
        0x0F, 0x8C, 0x30, 0xFF, 0xFF, 0xFF,                   // jl not_restartable
        0x4C, 0x8D, 0x15, 0x91, 0x08, 0x00, 0x00,             // lea r10, [rel sequence_store4]
        // arm_store4:
        0x4D, 0x89, 0x51, 0x08,                               // mov [r9+8], r10
        // start_store4:
        0x0F, 0xB6, 0x02,                                     // movzx eax, byte [rdx]
        0x0F, 0xA3, 0xC8,                                     // bt eax, ecx
        0x0F, 0x83, 0x11, 0xFF, 0xFF, 0xFF,                   // jae bit_clear
        0x89, 0x37,                                           // mov [rdi], esi
        // committed_store4:
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0x0F, 0xB9, 0x3D, 0x53, 0x30, 0x05, 0x53,             // ud1 edi, [rel 0x53053400]
        // abort_store4:
        0xEB, 0xE0,                                           // jmp arm_store4
        0xCC,                                                 // padding
        // bit_store8:
        0x48, 0x89, 0xC8,                                     // mov rax, rcx
        0x48, 0xC1, 0xE8, 0x03,                               // shr rax, 3
        0x48, 0x01, 0xC2,                                     // add rdx, rax
        0x83, 0xE1, 0x07,                                     // and ecx, 7
        0x64, 0x4C, 0x8B, 0x0C, 0x25, 0x00, 0x00, 0x00, 0x00, // mov r9, [fs:0]
        0x4C, 0x03, 0x0D, 0xEB, 0x07, 0x00, 0x00,             // add r9, [rel restartable_area]
        0x41, 0x83, 0x79, 0x04, 0x00,                         // cmp dword [r9+4], 0
        0x0F, 0x8C, 0xE0, 0xFE, 0xFF, 0xFF,                   // jl not_restartable
        0x4C, 0x8D, 0x15, 0x61, 0x08, 0x00, 0x00,             // lea r10, [rel sequence_store8]
        // arm_store8:
        0x4D, 0x89, 0x51, 0x08,                               // mov [r9+8], r10
        // start_store8:
        0x0F, 0xB6, 0x02,                                     // movzx eax, byte [rdx]
        0x0F, 0xA3, 0xC8,                                     // bt eax, ecx
        0x0F, 0x83, 0xC1, 0xFE, 0xFF, 0xFF,                   // jae bit_clear
        0x48, 0x89, 0x37,                                     // mov [rdi], rsi
        // committed_store8:
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0x0F, 0xB9, 0x3D, 0x53, 0x30, 0x05, 0x53,             // ud1 edi, [rel 0x53053451]
        // abort_store8:
        0xEB, 0xDF,                                           // jmp arm_store8
        // bit_cas1:
        0x4C, 0x89, 0xC0,                                     // mov rax, r8
        0x48, 0xC1, 0xE8, 0x03,                               // shr rax, 3
        0x48, 0x01, 0xC1,                                     // add rcx, rax
        0x41, 0x83, 0xE0, 0x07,                               // and r8d, 7
        0x40, 0x0F, 0xB6, 0xC6,                               // movzx eax, sil
        0x64, 0x4C, 0x8B, 0x0C, 0x25, 0x00, 0x00, 0x00, 0x00, // mov r9, [fs:0]
        0x4C, 0x03, 0x0D, 0x96, 0x07, 0x00, 0x00,             // add r9, [rel restartable_area]
        0x41, 0x83, 0x79, 0x04, 0x00,                         // cmp dword [r9+4], 0
        0x0F, 0x8C, 0x8B, 0xFE, 0xFF, 0xFF,                   // jl not_restartable
        0x4C, 0x8D, 0x15, 0x2C, 0x08, 0x00, 0x00,             // lea r10, [rel sequence_cas1]
        // arm_cas1:
        0x4D, 0x89, 0x51, 0x08,                               // mov [r9+8], r10
        // start_cas1:
        0x0F, 0xB6, 0x31,                                     // movzx esi, byte [rcx]
        0x44, 0x0F, 0xA3, 0xC6,                               // bt esi, r8d
        0x0F, 0x83, 0x6B, 0xFE, 0xFF, 0xFF,                   // jae bit_clear
        0xF0, 0x0F, 0xB0, 0x17,                               // lock cmpxchg [rdi], dl
        // committed_cas1:
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0x0F, 0xB9, 0x3D, 0x53, 0x30, 0x05, 0x53,             // ud1 edi, [rel 0x530534A6]
        // abort_cas1:
        0xEB, 0xDF,                                           // jmp arm_cas1
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        0xCC, 0xCC, 0xCC,                                     // padding
        // bit_cas2:
        0x4C, 0x89, 0xC0,                                     // mov rax, r8
        0x48, 0xC1, 0xE8, 0x03,                               // shr rax, 3
        0x48, 0x01, 0xC1,                                     // add rcx, rax
        0x41, 0x83, 0xE0, 0x07,                               // and r8d, 7
        0x0F, 0xB7, 0xC6,                                     // movzx eax, si
        0x64, 0x4C, 0x8B, 0x0C, 0x25, 0x00, 0x00, 0x00, 0x00, // mov r9, [fs:0]
        0x4C, 0x03, 0x0D, 0x37, 0x07, 0x00, 0x00,             // add r9, [rel restartable_area]
        0x41, 0x83, 0x79, 0x04, 0x00,                         // cmp dword [r9+4], 0
        0x0F, 0x8C, 0x2C, 0xFE, 0xFF, 0xFF,                   // jl not_restartable
        0x4C, 0x8D, 0x15, 0xED, 0x07, 0x00, 0x00,             // lea r10, [rel sequence_cas2]
        // arm_cas2:
        0x4D, 0x89, 0x51, 0x08,                               // mov [r9+8], r10
        // start_cas2:
        0x0F, 0xB6, 0x31,                                     // movzx esi, byte [rcx]
        0x44, 0x0F, 0xA3, 0xC6,                               // bt esi, r8d
        0x0F, 0x83, 0x0C, 0xFE, 0xFF, 0xFF,                   // jae bit_clear
        0xF0, 0x66, 0x0F, 0xB1, 0x17,                         // lock cmpxchg [rdi], dx
        // committed_cas2:
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0x0F, 0xB9, 0x3D, 0x53, 0x30, 0x05, 0x53,             // ud1 edi, [rel 0x53053506]
        // abort_cas2:
        0xEB, 0xDE,                                           // jmp arm_cas2
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        0xCC, 0xCC, 0xCC,                                     // padding
        // bit_cas4:
        0x4C, 0x89, 0xC0,                                     // mov rax, r8
        0x48, 0xC1, 0xE8, 0x03,                               // shr rax, 3
        0x48, 0x01, 0xC1,                                     // add rcx, rax
        0x41, 0x83, 0xE0, 0x07,                               // and r8d, 7
        0x89, 0xF0,                                           // mov eax, esi
        0x64, 0x4C, 0x8B, 0x0C, 0x25, 0x00, 0x00, 0x00, 0x00, // mov r9, [fs:0]
        0x4C, 0x03, 0x0D, 0xD8, 0x06, 0x00, 0x00,             // add r9, [rel restartable_area]
        0x41, 0x83, 0x79, 0x04, 0x00,                         // cmp dword [r9+4], 0
        0x0F, 0x8C, 0xCD, 0xFD, 0xFF, 0xFF,                   // jl not_restartable
        0x4C, 0x8D, 0x15, 0xAE, 0x07, 0x00, 0x00,             // lea r10, [rel sequence_cas4]
        // arm_cas4:
        0x4D, 0x89, 0x51, 0x08,                               // mov [r9+8], r10
        // start_cas4:
        0x0F, 0xB6, 0x31,                                     // movzx esi, byte [rcx]
        0x44, 0x0F, 0xA3, 0xC6,                               // bt esi, r8d
        0x0F, 0x83, 0xAD, 0xFD, 0xFF, 0xFF,                   // jae bit_clear
        0xF0, 0x0F, 0xB1, 0x17,                               // lock cmpxchg [rdi], edx
        // committed_cas4:
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0x0F, 0xB9, 0x3D, 0x53, 0x30, 0x05, 0x53,             // ud1 edi, [rel 0x53053564]
        // abort_cas4:
        0xEB, 0xDF,                                           // jmp arm_cas4
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC,                         // padding
        // bit_cas8:
        0x4C, 0x89, 0xC0,                                     // mov rax, r8
        0x48, 0xC1, 0xE8, 0x03,                               // shr rax, 3
        0x48, 0x01, 0xC1,                                     // add rcx, rax
        0x41, 0x83, 0xE0, 0x07,                               // and r8d, 7
        0x48, 0x89, 0xF0,                                     // mov rax, rsi
        0x64, 0x4C, 0x8B, 0x0C, 0x25, 0x00, 0x00, 0x00, 0x00, // mov r9, [fs:0]
        0x4C, 0x03, 0x0D, 0x77, 0x06, 0x00, 0x00,             // add r9, [rel restartable_area]
        0x41, 0x83, 0x79, 0x04, 0x00,                         // cmp dword [r9+4], 0
        0x0F, 0x8C, 0x6C, 0xFD, 0xFF, 0xFF,                   // jl not_restartable
        0x4C, 0x8D, 0x15, 0x6D, 0x07, 0x00, 0x00,             // lea r10, [rel sequence_cas8]
        // arm_cas8:
        0x4D, 0x89, 0x51, 0x08,                               // mov [r9+8], r10
        // start_cas8:
        0x0F, 0xB6, 0x31,                                     // movzx esi, byte [rcx]
        0x44, 0x0F, 0xA3, 0xC6,                               // bt esi, r8d
        0x0F, 0x83, 0x4C, 0xFD, 0xFF, 0xFF,                   // jae bit_clear
        0xF0, 0x48, 0x0F, 0xB1, 0x17,                         // lock cmpxchg [rdi], rdx
        // committed_cas8:
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0x0F, 0xB9, 0x3D, 0x53, 0x30, 0x05, 0x53,             // ud1 edi, [rel 0x530535C6]
        // abort_cas8:
        0xEB, 0xDE,                                           // jmp arm_cas8
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        0xCC, 0xCC, 0xCC,                                     // padding
    ];
}
