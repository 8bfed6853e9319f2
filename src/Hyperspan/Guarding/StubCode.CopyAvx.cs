// Written by StubListing in the tests: change StubProgram there, then run StubCodeTests with HYPERSPAN_REGENERATE_STUBS=1.
namespace Hyperspan.Guarding;

internal static partial class StubCode
{
    /// <summary>The same copy with 32-byte registers.</summary>
    private static ReadOnlySpan<byte> CopyAvxSection =>
    [
        // copy_avx:
        0x48, 0x83, 0xFA, 0x10,                               // cmp rdx, 0x10
        0x77, 0x58,                                           // ja copy_avx_over_16
        0x83, 0xFA, 0x08,                                     // cmp edx, 8
        0x73, 0x18,                                           // jae copy_avx_8
        0x83, 0xFA, 0x04,                                     // cmp edx, 4
        0x73, 0x28,                                           // jae copy_avx_4
        0x83, 0xFA, 0x02,                                     // cmp edx, 2
        0x73, 0x34,                                           // jae copy_avx_2
        0x85, 0xD2,                                           // test edx, edx
        0x74, 0x05,                                           // je copy_avx_done
        0x0F, 0xB6, 0x06,                                     // movzx eax, byte [rsi]
        0x88, 0x07,                                           // mov [rdi], al
        // copy_avx_done:
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        // copy_avx_8:
        0x48, 0x8B, 0x06,                                     // mov rax, [rsi]
        0x48, 0x8B, 0x4C, 0x16, 0xF8,                         // mov rcx, [rsi+rdx-8]
        0x48, 0x89, 0x07,                                     // mov [rdi], rax
        0x48, 0x89, 0x4C, 0x17, 0xF8,                         // mov [rdi+rdx-8], rcx
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        // copy_avx_4:
        0x8B, 0x06,                                           // mov eax, [rsi]
        0x8B, 0x4C, 0x16, 0xFC,                               // mov ecx, [rsi+rdx-4]
        0x89, 0x07,                                           // mov [rdi], eax
        0x89, 0x4C, 0x17, 0xFC,                               // mov [rdi+rdx-4], ecx
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        // copy_avx_2:
        0x0F, 0xB7, 0x06,                                     // movzx eax, word [rsi]
        0x0F, 0xB7, 0x4C, 0x16, 0xFE,                         // movzx ecx, word [rsi+rdx-2]
        0x66, 0x89, 0x07,                                     // mov [rdi], ax
        0x66, 0x89, 0x4C, 0x17, 0xFE,                         // mov [rdi+rdx-2], cx
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        // copy_avx_over_16:
        0x48, 0x83, 0xFA, 0x20,                               // cmp rdx, 0x20
        0x77, 0x19,                                           // ja copy_avx_over_32
        0xC5, 0xFA, 0x6F, 0x06,                               // vmovdqu xmm0, [rsi]
        0xC5, 0xFA, 0x6F, 0x4C, 0x16, 0xF0,                   // vmovdqu xmm1, [rsi+rdx-0x10]
        0xC5, 0xFA, 0x7F, 0x07,                               // vmovdqu [rdi], xmm0
        0xC5, 0xFA, 0x7F, 0x4C, 0x17, 0xF0,                   // vmovdqu [rdi+rdx-0x10], xmm1
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        // copy_avx_over_32:
        0x48, 0x83, 0xFA, 0x40,                               // cmp rdx, 0x40
        0x77, 0x1C,                                           // ja copy_avx_over_64
        0xC5, 0xFE, 0x6F, 0x06,                               // vmovdqu ymm0, [rsi]
        0xC5, 0xFE, 0x6F, 0x4C, 0x16, 0xE0,                   // vmovdqu ymm1, [rsi+rdx-0x20]
        0xC5, 0xFE, 0x7F, 0x07,                               // vmovdqu [rdi], ymm0
        0xC5, 0xFE, 0x7F, 0x4C, 0x17, 0xE0,                   // vmovdqu [rdi+rdx-0x20], ymm1
        0xC5, 0xF8, 0x77,                                     // vzeroupper
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        // copy_avx_over_64:
        0x48, 0x81, 0xFA, 0x80, 0x00, 0x00, 0x00,             // cmp rdx, 0x80
        0x77, 0x32,                                           // ja copy_avx_over_128
        0xC5, 0xFE, 0x6F, 0x06,                               // vmovdqu ymm0, [rsi]
        0xC5, 0xFE, 0x6F, 0x54, 0x16, 0xE0,                   // vmovdqu ymm2, [rsi+rdx-0x20]
        0xC5, 0xFE, 0x6F, 0x4E, 0x20,                         // vmovdqu ymm1, [rsi+0x20]
        0xC5, 0xFE, 0x6F, 0x5C, 0x16, 0xC0,                   // vmovdqu ymm3, [rsi+rdx-0x40]
        0xC5, 0xFE, 0x7F, 0x07,                               // vmovdqu [rdi], ymm0
        0xC5, 0xFE, 0x7F, 0x54, 0x17, 0xE0,                   // vmovdqu [rdi+rdx-0x20], ymm2
        0xC5, 0xFE, 0x7F, 0x4F, 0x20,                         // vmovdqu [rdi+0x20], ymm1
        0xC5, 0xFE, 0x7F, 0x5C, 0x17, 0xC0,                   // vmovdqu [rdi+rdx-0x40], ymm3
        0xC5, 0xF8, 0x77,                                     // vzeroupper
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        // copy_avx_over_128:
        0x48, 0x81, 0xFA, 0x00, 0x01, 0x00, 0x00,             // cmp rdx, 0x100
        0x77, 0x5E,                                           // ja copy_avx_over_256
        0xC5, 0xFE, 0x6F, 0x06,                               // vmovdqu ymm0, [rsi]
        0xC5, 0xFE, 0x6F, 0x64, 0x16, 0xE0,                   // vmovdqu ymm4, [rsi+rdx-0x20]
        0xC5, 0xFE, 0x6F, 0x4E, 0x20,                         // vmovdqu ymm1, [rsi+0x20]
        0xC5, 0xFE, 0x6F, 0x6C, 0x16, 0xC0,                   // vmovdqu ymm5, [rsi+rdx-0x40]
        0xC5, 0xFE, 0x6F, 0x56, 0x40,                         // vmovdqu ymm2, [rsi+0x40]
        0xC5, 0xFE, 0x6F, 0x74, 0x16, 0xA0,                   // vmovdqu ymm6, [rsi+rdx-0x60]
        0xC5, 0xFE, 0x6F, 0x5E, 0x60,                         // vmovdqu ymm3, [rsi+0x60]
        0xC5, 0xFE, 0x6F, 0x7C, 0x16, 0x80,                   // vmovdqu ymm7, [rsi+rdx-0x80]
        0xC5, 0xFE, 0x7F, 0x07,                               // vmovdqu [rdi], ymm0
        0xC5, 0xFE, 0x7F, 0x64, 0x17, 0xE0,                   // vmovdqu [rdi+rdx-0x20], ymm4
        0xC5, 0xFE, 0x7F, 0x4F, 0x20,                         // vmovdqu [rdi+0x20], ymm1
        0xC5, 0xFE, 0x7F, 0x6C, 0x17, 0xC0,                   // vmovdqu [rdi+rdx-0x40], ymm5
        0xC5, 0xFE, 0x7F, 0x57, 0x40,                         // vmovdqu [rdi+0x40], ymm2
        0xC5, 0xFE, 0x7F, 0x74, 0x17, 0xA0,                   // vmovdqu [rdi+rdx-0x60], ymm6
        0xC5, 0xFE, 0x7F, 0x5F, 0x60,                         // vmovdqu [rdi+0x60], ymm3
        0xC5, 0xFE, 0x7F, 0x7C, 0x17, 0x80,                   // vmovdqu [rdi+rdx-0x80], ymm7
        0xC5, 0xF8, 0x77,                                     // vzeroupper
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        // copy_avx_over_256:
        0x48, 0x89, 0xF8,                                     // mov rax, rdi
        0x48, 0x29, 0xF0,                                     // sub rax, rsi
        0x48, 0x39, 0xD0,                                     // cmp rax, rdx
        0x0F, 0x82, 0xBD, 0x00, 0x00, 0x00,                   // jb copy_avx_backward
        0x48, 0x3B, 0x15, 0x91, 0x01, 0x00, 0x00,             // cmp rdx, [rel repeat_copy_from]
        0x72, 0x12,                                           // jb copy_avx_forward
        0x48, 0xF7, 0xD8,                                     // neg rax
        0x48, 0x39, 0xD0,                                     // cmp rax, rdx
        0x72, 0x0A,                                           // jb copy_avx_forward
        0x48, 0x89, 0xD1,                                     // mov rcx, rdx
        0xF3, 0xA4,                                           // rep movsb
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        // copy_avx_forward:
        0xC5, 0x7E, 0x6F, 0x06,                               // vmovdqu ymm8, [rsi]
        0xC5, 0xFE, 0x6F, 0x64, 0x16, 0x80,                   // vmovdqu ymm4, [rsi+rdx-0x80]
        0xC5, 0xFE, 0x6F, 0x6C, 0x16, 0xA0,                   // vmovdqu ymm5, [rsi+rdx-0x60]
        0xC5, 0xFE, 0x6F, 0x74, 0x16, 0xC0,                   // vmovdqu ymm6, [rsi+rdx-0x40]
        0xC5, 0xFE, 0x6F, 0x7C, 0x16, 0xE0,                   // vmovdqu ymm7, [rsi+rdx-0x20]
        0x49, 0x89, 0xF9,                                     // mov r9, rdi
        0x4C, 0x8D, 0x44, 0x17, 0x80,                         // lea r8, [rdi+rdx-0x80]
        0x48, 0x89, 0xF8,                                     // mov rax, rdi
        0x48, 0x0D, 0x1F, 0x00, 0x00, 0x00,                   // or rax, 0x1F
        0x48, 0xFF, 0xC0,                                     // inc rax
        0x48, 0x29, 0xF8,                                     // sub rax, rdi
        0x48, 0x01, 0xC6,                                     // add rsi, rax
        0x48, 0x01, 0xC7,                                     // add rdi, rax
        0x66, 0x0F, 0x1F, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00, // nop word [rax+rax]
        0x0F, 0x1F, 0x00,                                     // nop dword [rax]
        // copy_avx_forward_loop:
        0xC5, 0xFE, 0x6F, 0x06,                               // vmovdqu ymm0, [rsi]
        0xC5, 0xFE, 0x6F, 0x4E, 0x20,                         // vmovdqu ymm1, [rsi+0x20]
        0xC5, 0xFE, 0x6F, 0x56, 0x40,                         // vmovdqu ymm2, [rsi+0x40]
        0xC5, 0xFE, 0x6F, 0x5E, 0x60,                         // vmovdqu ymm3, [rsi+0x60]
        0xC5, 0xFD, 0x7F, 0x07,                               // vmovdqa [rdi], ymm0
        0xC5, 0xFD, 0x7F, 0x4F, 0x20,                         // vmovdqa [rdi+0x20], ymm1
        0xC5, 0xFD, 0x7F, 0x57, 0x40,                         // vmovdqa [rdi+0x40], ymm2
        0xC5, 0xFD, 0x7F, 0x5F, 0x60,                         // vmovdqa [rdi+0x60], ymm3
        0x48, 0x81, 0xC6, 0x80, 0x00, 0x00, 0x00,             // add rsi, 0x80
        0x48, 0x81, 0xC7, 0x80, 0x00, 0x00, 0x00,             // add rdi, 0x80
        0x4C, 0x39, 0xC7,                                     // cmp rdi, r8
        0x72, 0xC7,                                           // jb copy_avx_forward_loop
        0xC4, 0xC1, 0x7E, 0x7F, 0x20,                         // vmovdqu [r8], ymm4
        0xC4, 0xC1, 0x7E, 0x7F, 0x68, 0x20,                   // vmovdqu [r8+0x20], ymm5
        0xC4, 0xC1, 0x7E, 0x7F, 0x70, 0x40,                   // vmovdqu [r8+0x40], ymm6
        0xC4, 0xC1, 0x7E, 0x7F, 0x78, 0x60,                   // vmovdqu [r8+0x60], ymm7
        0xC4, 0x41, 0x7E, 0x7F, 0x01,                         // vmovdqu [r9], ymm8
        0xC5, 0xF8, 0x77,                                     // vzeroupper
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        // copy_avx_backward:
        0xC5, 0x7E, 0x6F, 0x44, 0x16, 0xE0,                   // vmovdqu ymm8, [rsi+rdx-0x20]
        0xC5, 0xFE, 0x6F, 0x26,                               // vmovdqu ymm4, [rsi]
        0xC5, 0xFE, 0x6F, 0x6E, 0x20,                         // vmovdqu ymm5, [rsi+0x20]
        0xC5, 0xFE, 0x6F, 0x76, 0x40,                         // vmovdqu ymm6, [rsi+0x40]
        0xC5, 0xFE, 0x6F, 0x7E, 0x60,                         // vmovdqu ymm7, [rsi+0x60]
        0x49, 0x89, 0xF8,                                     // mov r8, rdi
        0x4C, 0x8D, 0x4C, 0x17, 0xE0,                         // lea r9, [rdi+rdx-0x20]
        0x4C, 0x8D, 0x97, 0x80, 0x00, 0x00, 0x00,             // lea r10, [rdi+0x80]
        0x48, 0x29, 0xFE,                                     // sub rsi, rdi
        0x48, 0x8D, 0x7C, 0x17, 0xFF,                         // lea rdi, [rdi+rdx-1]
        0x48, 0x83, 0xE7, 0xE0,                               // and rdi, 0xFFFFFFFFFFFFFFE0
        0x48, 0x01, 0xFE,                                     // add rsi, rdi
        0x66, 0x0F, 0x1F, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00, // nop word [rax+rax]
        0x0F, 0x1F, 0x00,                                     // nop dword [rax]
        // copy_avx_backward_loop:
        0xC5, 0xFE, 0x6F, 0x46, 0xE0,                         // vmovdqu ymm0, [rsi-0x20]
        0xC5, 0xFE, 0x6F, 0x4E, 0xC0,                         // vmovdqu ymm1, [rsi-0x40]
        0xC5, 0xFE, 0x6F, 0x56, 0xA0,                         // vmovdqu ymm2, [rsi-0x60]
        0xC5, 0xFE, 0x6F, 0x5E, 0x80,                         // vmovdqu ymm3, [rsi-0x80]
        0xC5, 0xFD, 0x7F, 0x47, 0xE0,                         // vmovdqa [rdi-0x20], ymm0
        0xC5, 0xFD, 0x7F, 0x4F, 0xC0,                         // vmovdqa [rdi-0x40], ymm1
        0xC5, 0xFD, 0x7F, 0x57, 0xA0,                         // vmovdqa [rdi-0x60], ymm2
        0xC5, 0xFD, 0x7F, 0x5F, 0x80,                         // vmovdqa [rdi-0x80], ymm3
        0x48, 0x81, 0xEE, 0x80, 0x00, 0x00, 0x00,             // sub rsi, 0x80
        0x48, 0x81, 0xEF, 0x80, 0x00, 0x00, 0x00,             // sub rdi, 0x80
        0x4C, 0x39, 0xD7,                                     // cmp rdi, r10
        0x77, 0xC5,                                           // ja copy_avx_backward_loop
        0xC4, 0xC1, 0x7E, 0x7F, 0x20,                         // vmovdqu [r8], ymm4
        0xC4, 0xC1, 0x7E, 0x7F, 0x68, 0x20,                   // vmovdqu [r8+0x20], ymm5
        0xC4, 0xC1, 0x7E, 0x7F, 0x70, 0x40,                   // vmovdqu [r8+0x40], ymm6
        0xC4, 0xC1, 0x7E, 0x7F, 0x78, 0x60,                   // vmovdqu [r8+0x60], ymm7
        0xC4, 0x41, 0x7E, 0x7F, 0x01,                         // vmovdqu [r9], ymm8
        0xC5, 0xF8, 0x77,                                     // vzeroupper
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        0xCC,                                                 // padding
    ];
}
