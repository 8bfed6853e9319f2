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
        0x4C, 0x8B, 0x0D, 0xC7, 0x09, 0x00, 0x00,             // mov r9, [rel restartable_area]
        0x64, 0x41, 0x83, 0x79, 0x04, 0x00,                   // cmp dword [fs:r9+4], 0
        0x7C, 0xDF,                                           // jl not_restartable
        0x4C, 0x8D, 0x15, 0xE0, 0x09, 0x00, 0x00,             // lea r10, [rel sequence_load1]
        // arm_load1:
        0x64, 0x4D, 0x89, 0x51, 0x08,                         // mov [fs:r9+8], r10
        // start_load1:
        0x0F, 0xB6, 0x04, 0x0E,                               // movzx eax, byte [rsi+rcx]
        0x0F, 0xA3, 0xD0,                                     // bt eax, edx
        0x73, 0xC2,                                           // jae bit_clear
        0x0F, 0xB6, 0x07,                                     // movzx eax, byte [rdi]
        // committed_load1:
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0x0F, 0xB9, 0x3D, 0x53, 0x30, 0x05, 0x53,             // ud1 edi, [rel 0x5305326E]
        // abort_load1:
        0xEB, 0xE3,                                           // jmp arm_load1
        0xCC, 0xCC, 0xCC,                                     // padding
        // bit_load2:
        0x48, 0x89, 0xD1,                                     // mov rcx, rdx
        0x48, 0xC1, 0xE9, 0x03,                               // shr rcx, 3
        0x83, 0xE2, 0x07,                                     // and edx, 7
        0x4C, 0x8B, 0x0D, 0x87, 0x09, 0x00, 0x00,             // mov r9, [rel restartable_area]
        0x64, 0x41, 0x83, 0x79, 0x04, 0x00,                   // cmp dword [fs:r9+4], 0
        0x7C, 0x9F,                                           // jl not_restartable
        0x4C, 0x8D, 0x15, 0xC0, 0x09, 0x00, 0x00,             // lea r10, [rel sequence_load2]
        // arm_load2:
        0x64, 0x4D, 0x89, 0x51, 0x08,                         // mov [fs:r9+8], r10
        // start_load2:
        0x0F, 0xB6, 0x04, 0x0E,                               // movzx eax, byte [rsi+rcx]
        0x0F, 0xA3, 0xD0,                                     // bt eax, edx
        0x73, 0x82,                                           // jae bit_clear
        0x0F, 0xB7, 0x07,                                     // movzx eax, word [rdi]
        // committed_load2:
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0x0F, 0xB9, 0x3D, 0x53, 0x30, 0x05, 0x53,             // ud1 edi, [rel 0x530532AE]
        // abort_load2:
        0xEB, 0xE3,                                           // jmp arm_load2
        0xCC, 0xCC, 0xCC,                                     // padding
        // bit_load4:
        0x48, 0x89, 0xD1,                                     // mov rcx, rdx
        0x48, 0xC1, 0xE9, 0x03,                               // shr rcx, 3
        0x83, 0xE2, 0x07,                                     // and edx, 7
        0x4C, 0x8B, 0x0D, 0x47, 0x09, 0x00, 0x00,             // mov r9, [rel restartable_area]
        0x64, 0x41, 0x83, 0x79, 0x04, 0x00,                   // cmp dword [fs:r9+4], 0
        0x0F, 0x8C, 0x5B, 0xFF, 0xFF, 0xFF,                   // jl not_restartable
        0x4C, 0x8D, 0x15, 0x9C, 0x09, 0x00, 0x00,             // lea r10, [rel sequence_load4]
        // arm_load4:
        0x64, 0x4D, 0x89, 0x51, 0x08,                         // mov [fs:r9+8], r10
        // start_load4:
        0x0F, 0xB6, 0x04, 0x0E,                               // movzx eax, byte [rsi+rcx]
        0x0F, 0xA3, 0xD0,                                     // bt eax, edx
        0x0F, 0x83, 0x3A, 0xFF, 0xFF, 0xFF,                   // jae bit_clear
        0x8B, 0x07,                                           // mov eax, [rdi]
        // committed_load4:
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0x0F, 0xB9, 0x3D, 0x53, 0x30, 0x05, 0x53,             // ud1 edi, [rel 0x530532F5]
        // abort_load4:
        0xEB, 0xE0,                                           // jmp arm_load4
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        0xCC, 0xCC, 0xCC, 0xCC,                               // padding
        // bit_load8:
        0x48, 0x89, 0xD1,                                     // mov rcx, rdx
        0x48, 0xC1, 0xE9, 0x03,                               // shr rcx, 3
        0x83, 0xE2, 0x07,                                     // and edx, 7
        0x4C, 0x8B, 0x0D, 0xF7, 0x08, 0x00, 0x00,             // mov r9, [rel restartable_area]
        0x64, 0x41, 0x83, 0x79, 0x04, 0x00,                   // cmp dword [fs:r9+4], 0
        0x0F, 0x8C, 0x0B, 0xFF, 0xFF, 0xFF,                   // jl not_restartable
        0x4C, 0x8D, 0x15, 0x6C, 0x09, 0x00, 0x00,             // lea r10, [rel sequence_load8]
        // arm_load8:
        0x64, 0x4D, 0x89, 0x51, 0x08,                         // mov [fs:r9+8], r10
        // start_load8:
        0x0F, 0xB6, 0x04, 0x0E,                               // movzx eax, byte [rsi+rcx]
        0x0F, 0xA3, 0xD0,                                     // bt eax, edx
        0x0F, 0x83, 0xEA, 0xFE, 0xFF, 0xFF,                   // jae bit_clear
        0x48, 0x8B, 0x07,                                     // mov rax, [rdi]
        // committed_load8:
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0x0F, 0xB9, 0x3D, 0x53, 0x30, 0x05, 0x53,             // ud1 edi, [rel 0x53053346]
        // abort_load8:
        0xEB, 0xDF,                                           // jmp arm_load8
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        0xCC, 0xCC, 0xCC,                                     // padding
        // bit_store1:
        0x49, 0x89, 0xC8,                                     // mov r8, rcx
        0x49, 0xC1, 0xE8, 0x03,                               // shr r8, 3
        0x83, 0xE1, 0x07,                                     // and ecx, 7
        0x4C, 0x8B, 0x0D, 0xA7, 0x08, 0x00, 0x00,             // mov r9, [rel restartable_area]
        0x64, 0x41, 0x83, 0x79, 0x04, 0x00,                   // cmp dword [fs:r9+4], 0
        0x0F, 0x8C, 0xBB, 0xFE, 0xFF, 0xFF,                   // jl not_restartable
        0x4C, 0x8D, 0x15, 0x3C, 0x09, 0x00, 0x00,             // lea r10, [rel sequence_store1]
        // arm_store1:
        0x64, 0x4D, 0x89, 0x51, 0x08,                         // mov [fs:r9+8], r10
        // start_store1:
        0x42, 0x0F, 0xB6, 0x04, 0x02,                         // movzx eax, byte [rdx+r8]
        0x0F, 0xA3, 0xC8,                                     // bt eax, ecx
        0x0F, 0x83, 0x99, 0xFE, 0xFF, 0xFF,                   // jae bit_clear
        0x40, 0x88, 0x37,                                     // mov [rdi], sil
        // committed_store1:
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0x0F, 0xB9, 0x3D, 0x53, 0x30, 0x05, 0x53,             // ud1 edi, [rel 0x53053399]
        // abort_store1:
        0xEB, 0xDC,                                           // jmp arm_store1
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        // bit_store2:
        0x49, 0x89, 0xC8,                                     // mov r8, rcx
        0x49, 0xC1, 0xE8, 0x03,                               // shr r8, 3
        0x83, 0xE1, 0x07,                                     // and ecx, 7
        0x4C, 0x8B, 0x0D, 0x57, 0x08, 0x00, 0x00,             // mov r9, [rel restartable_area]
        0x64, 0x41, 0x83, 0x79, 0x04, 0x00,                   // cmp dword [fs:r9+4], 0
        0x0F, 0x8C, 0x6B, 0xFE, 0xFF, 0xFF,                   // jl not_restartable
        0x4C, 0x8D, 0x15, 0x0C, 0x09, 0x00, 0x00,             // lea r10, [rel sequence_store2]
        // arm_store2:
        0x64, 0x4D, 0x89, 0x51, 0x08,                         // mov [fs:r9+8], r10
        // start_store2:
        0x42, 0x0F, 0xB6, 0x04, 0x02,                         // movzx eax, byte [rdx+r8]
        0x0F, 0xA3, 0xC8,                                     // bt eax, ecx
        0x0F, 0x83, 0x49, 0xFE, 0xFF, 0xFF,                   // jae bit_clear
        0x66, 0x89, 0x37,                                     // mov [rdi], si
        // committed_store2:
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0x0F, 0xB9, 0x3D, 0x53, 0x30, 0x05, 0x53,             // ud1 edi, [rel 0x530533E9]
        // abort_store2:
        0xEB, 0xDC,                                           // jmp arm_store2
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        // bit_store4:
        0x49, 0x89, 0xC8,                                     // mov r8, rcx
        0x49, 0xC1, 0xE8, 0x03,                               // shr r8, 3
        0x83, 0xE1, 0x07,                                     // and ecx, 7
        0x4C, 0x8B, 0x0D, 0x07, 0x08, 0x00, 0x00,             // mov r9, [rel restartable_area]
        0x64, 0x41, 0x83, 0x79, 0x04, 0x00,                   // cmp dword [fs:r9+4], 0
        0x0F, 0x8C, 0x1B, 0xFE, 0xFF, 0xFF,                   // jl not_restartable
        0x4C, 0x8D, 0x15, 0xDC, 0x08, 0x00, 0x00,             // lea r10, [rel sequence_store4]
        // arm_store4:
        0x64, 0x4D, 0x89, 0x51, 0x08,                         // mov [fs:r9+8], r10
        // start_store4:
        0x42, 0x0F, 0xB6, 0x04, 0x02,                         // movzx eax, byte [rdx+r8]
        0x0F, 0xA3, 0xC8,                                     // bt eax, ecx
        0x0F, 0x83, 0xF9, 0xFD, 0xFF, 0xFF,                   // jae bit_clear
        0x89, 0x37,                                           // mov [rdi], esi
        // committed_store4:
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0x0F, 0xB9, 0x3D, 0x53, 0x30, 0x05, 0x53,             // ud1 edi, [rel 0x53053438]
        // abort_store4:
        0xEB, 0xDD,                                           // jmp arm_store4
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        0xCC,                                                 // padding
        // bit_store8:
        0x49, 0x89, 0xC8,                                     // mov r8, rcx
        0x49, 0xC1, 0xE8, 0x03,                               // shr r8, 3
        0x83, 0xE1, 0x07,                                     // and ecx, 7
        0x4C, 0x8B, 0x0D, 0xB7, 0x07, 0x00, 0x00,             // mov r9, [rel restartable_area]
        0x64, 0x41, 0x83, 0x79, 0x04, 0x00,                   // cmp dword [fs:r9+4], 0
        0x0F, 0x8C, 0xCB, 0xFD, 0xFF, 0xFF,                   // jl not_restartable
        0x4C, 0x8D, 0x15, 0xAC, 0x08, 0x00, 0x00,             // lea r10, [rel sequence_store8]
        // arm_store8:
        0x64, 0x4D, 0x89, 0x51, 0x08,                         // mov [fs:r9+8], r10
        // start_store8:
        0x42, 0x0F, 0xB6, 0x04, 0x02,                         // movzx eax, byte [rdx+r8]
        0x0F, 0xA3, 0xC8,                                     // bt eax, ecx
        0x0F, 0x83, 0xA9, 0xFD, 0xFF, 0xFF,                   // jae bit_clear
        0x48, 0x89, 0x37,                                     // mov [rdi], rsi
        // committed_store8:
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0x0F, 0xB9, 0x3D, 0x53, 0x30, 0x05, 0x53,             // ud1 edi, [rel 0x53053489]
        // abort_store8:
        0xEB, 0xDC,                                           // jmp arm_store8
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        // bit_cas1:
        0x4D, 0x89, 0xC3,                                     // mov r11, r8
        0x49, 0xC1, 0xEB, 0x03,                               // shr r11, 3
        0x41, 0x83, 0xE0, 0x07,                               // and r8d, 7
        0x40, 0x0F, 0xB6, 0xC6,                               // movzx eax, sil
        0x4C, 0x8B, 0x0D, 0x62, 0x07, 0x00, 0x00,             // mov r9, [rel restartable_area]
        0x64, 0x41, 0x83, 0x79, 0x04, 0x00,                   // cmp dword [fs:r9+4], 0
        0x0F, 0x8C, 0x76, 0xFD, 0xFF, 0xFF,                   // jl not_restartable
        0x4C, 0x8D, 0x15, 0x77, 0x08, 0x00, 0x00,             // lea r10, [rel sequence_cas1]
        // arm_cas1:
        0x64, 0x4D, 0x89, 0x51, 0x08,                         // mov [fs:r9+8], r10
        // start_cas1:
        0x42, 0x0F, 0xB6, 0x34, 0x19,                         // movzx esi, byte [rcx+r11]
        0x44, 0x0F, 0xA3, 0xC6,                               // bt esi, r8d
        0x0F, 0x83, 0x53, 0xFD, 0xFF, 0xFF,                   // jae bit_clear
        0xF0, 0x0F, 0xB0, 0x17,                               // lock cmpxchg [rdi], dl
        // committed_cas1:
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0x0F, 0xB9, 0x3D, 0x53, 0x30, 0x05, 0x53,             // ud1 edi, [rel 0x530534DE]
        // abort_cas1:
        0xEB, 0xDC,                                           // jmp arm_cas1
        0xCC, 0xCC, 0xCC,                                     // padding
        // bit_cas2:
        0x4D, 0x89, 0xC3,                                     // mov r11, r8
        0x49, 0xC1, 0xEB, 0x03,                               // shr r11, 3
        0x41, 0x83, 0xE0, 0x07,                               // and r8d, 7
        0x0F, 0xB7, 0xC6,                                     // movzx eax, si
        0x4C, 0x8B, 0x0D, 0x13, 0x07, 0x00, 0x00,             // mov r9, [rel restartable_area]
        0x64, 0x41, 0x83, 0x79, 0x04, 0x00,                   // cmp dword [fs:r9+4], 0
        0x0F, 0x8C, 0x27, 0xFD, 0xFF, 0xFF,                   // jl not_restartable
        0x4C, 0x8D, 0x15, 0x48, 0x08, 0x00, 0x00,             // lea r10, [rel sequence_cas2]
        // arm_cas2:
        0x64, 0x4D, 0x89, 0x51, 0x08,                         // mov [fs:r9+8], r10
        // start_cas2:
        0x42, 0x0F, 0xB6, 0x34, 0x19,                         // movzx esi, byte [rcx+r11]
        0x44, 0x0F, 0xA3, 0xC6,                               // bt esi, r8d
        0x0F, 0x83, 0x04, 0xFD, 0xFF, 0xFF,                   // jae bit_clear
        0xF0, 0x66, 0x0F, 0xB1, 0x17,                         // lock cmpxchg [rdi], dx
        // committed_cas2:
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0x0F, 0xB9, 0x3D, 0x53, 0x30, 0x05, 0x53,             // ud1 edi, [rel 0x5305352E]
        // abort_cas2:
        0xEB, 0xDB,                                           // jmp arm_cas2
        0xCC, 0xCC, 0xCC,                                     // padding
        // bit_cas4:
        0x4D, 0x89, 0xC3,                                     // mov r11, r8
        0x49, 0xC1, 0xEB, 0x03,                               // shr r11, 3
        0x41, 0x83, 0xE0, 0x07,                               // and r8d, 7
        0x89, 0xF0,                                           // mov eax, esi
        0x4C, 0x8B, 0x0D, 0xC4, 0x06, 0x00, 0x00,             // mov r9, [rel restartable_area]
        0x64, 0x41, 0x83, 0x79, 0x04, 0x00,                   // cmp dword [fs:r9+4], 0
        0x0F, 0x8C, 0xD8, 0xFC, 0xFF, 0xFF,                   // jl not_restartable
        0x4C, 0x8D, 0x15, 0x19, 0x08, 0x00, 0x00,             // lea r10, [rel sequence_cas4]
        // arm_cas4:
        0x64, 0x4D, 0x89, 0x51, 0x08,                         // mov [fs:r9+8], r10
        // start_cas4:
        0x42, 0x0F, 0xB6, 0x34, 0x19,                         // movzx esi, byte [rcx+r11]
        0x44, 0x0F, 0xA3, 0xC6,                               // bt esi, r8d
        0x0F, 0x83, 0xB5, 0xFC, 0xFF, 0xFF,                   // jae bit_clear
        0xF0, 0x0F, 0xB1, 0x17,                               // lock cmpxchg [rdi], edx
        // committed_cas4:
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0x0F, 0xB9, 0x3D, 0x53, 0x30, 0x05, 0x53,             // ud1 edi, [rel 0x5305357C]
        // abort_cas4:
        0xEB, 0xDC,                                           // jmp arm_cas4
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC,                         // padding
        // bit_cas8:
        0x4D, 0x89, 0xC3,                                     // mov r11, r8
        0x49, 0xC1, 0xEB, 0x03,                               // shr r11, 3
        0x41, 0x83, 0xE0, 0x07,                               // and r8d, 7
        0x48, 0x89, 0xF0,                                     // mov rax, rsi
        0x4C, 0x8B, 0x0D, 0x73, 0x06, 0x00, 0x00,             // mov r9, [rel restartable_area]
        0x64, 0x41, 0x83, 0x79, 0x04, 0x00,                   // cmp dword [fs:r9+4], 0
        0x0F, 0x8C, 0x87, 0xFC, 0xFF, 0xFF,                   // jl not_restartable
        0x4C, 0x8D, 0x15, 0xE8, 0x07, 0x00, 0x00,             // lea r10, [rel sequence_cas8]
        // arm_cas8:
        0x64, 0x4D, 0x89, 0x51, 0x08,                         // mov [fs:r9+8], r10
        // start_cas8:
        0x42, 0x0F, 0xB6, 0x34, 0x19,                         // movzx esi, byte [rcx+r11]
        0x44, 0x0F, 0xA3, 0xC6,                               // bt esi, r8d
        0x0F, 0x83, 0x64, 0xFC, 0xFF, 0xFF,                   // jae bit_clear
        0xF0, 0x48, 0x0F, 0xB1, 0x17,                         // lock cmpxchg [rdi], rdx
        // committed_cas8:
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0x0F, 0xB9, 0x3D, 0x53, 0x30, 0x05, 0x53,             // ud1 edi, [rel 0x530535CE]
        // abort_cas8:
        0xEB, 0xDB,                                           // jmp arm_cas8
        0xCC, 0xCC, 0xCC,                                     // padding
    ];
}
