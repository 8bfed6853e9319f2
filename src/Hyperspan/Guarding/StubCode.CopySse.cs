// Written by StubListing in the tests: change StubProgram there, then run StubCodeTests with HYPERSPAN_REGENERATE_STUBS=1.
namespace Hyperspan.Guarding;

internal static partial class StubCode
{
    /// <summary>Copy for every x86-64 processor: destination in rdi, source in rsi, length in rdx; they may overlap.</summary>
    private static ReadOnlySpan<byte> CopySseSection =>
    [
        // copy_sse:
        0x48, 0x83, 0xFA, 0x10,                               // cmp rdx, 0x10
        0x77, 0x58,                                           // ja copy_sse_over_16
        0x83, 0xFA, 0x08,                                     // cmp edx, 8
        0x73, 0x18,                                           // jae copy_sse_8
        0x83, 0xFA, 0x04,                                     // cmp edx, 4
        0x73, 0x28,                                           // jae copy_sse_4
        0x83, 0xFA, 0x02,                                     // cmp edx, 2
        0x73, 0x34,                                           // jae copy_sse_2
        0x85, 0xD2,                                           // test edx, edx
        0x74, 0x05,                                           // je copy_sse_done
        0x0F, 0xB6, 0x06,                                     // movzx eax, byte [rsi]
        0x88, 0x07,                                           // mov [rdi], al
        // copy_sse_done:
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        // copy_sse_8:
        0x48, 0x8B, 0x06,                                     // mov rax, [rsi]
        0x48, 0x8B, 0x4C, 0x16, 0xF8,                         // mov rcx, [rsi+rdx-8]
        0x48, 0x89, 0x07,                                     // mov [rdi], rax
        0x48, 0x89, 0x4C, 0x17, 0xF8,                         // mov [rdi+rdx-8], rcx
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        // copy_sse_4:
        0x8B, 0x06,                                           // mov eax, [rsi]
        0x8B, 0x4C, 0x16, 0xFC,                               // mov ecx, [rsi+rdx-4]
        0x89, 0x07,                                           // mov [rdi], eax
        0x89, 0x4C, 0x17, 0xFC,                               // mov [rdi+rdx-4], ecx
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        // copy_sse_2:
        0x0F, 0xB7, 0x06,                                     // movzx eax, word [rsi]
        0x0F, 0xB7, 0x4C, 0x16, 0xFE,                         // movzx ecx, word [rsi+rdx-2]
        0x66, 0x89, 0x07,                                     // mov [rdi], ax
        0x66, 0x89, 0x4C, 0x17, 0xFE,                         // mov [rdi+rdx-2], cx
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        // copy_sse_over_16:
        0x48, 0x83, 0xFA, 0x20,                               // cmp rdx, 0x20
        0x77, 0x15,                                           // ja copy_sse_over_32
        0x0F, 0x10, 0x06,                                     // movups xmm0, [rsi]
        0x0F, 0x10, 0x4C, 0x16, 0xF0,                         // movups xmm1, [rsi+rdx-0x10]
        0x0F, 0x11, 0x07,                                     // movups [rdi], xmm0
        0x0F, 0x11, 0x4C, 0x17, 0xF0,                         // movups [rdi+rdx-0x10], xmm1
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        // copy_sse_over_32:
        0x48, 0x83, 0xFA, 0x40,                               // cmp rdx, 0x40
        0x77, 0x27,                                           // ja copy_sse_over_64
        0x0F, 0x10, 0x06,                                     // movups xmm0, [rsi]
        0x0F, 0x10, 0x54, 0x16, 0xF0,                         // movups xmm2, [rsi+rdx-0x10]
        0x0F, 0x10, 0x4E, 0x10,                               // movups xmm1, [rsi+0x10]
        0x0F, 0x10, 0x5C, 0x16, 0xE0,                         // movups xmm3, [rsi+rdx-0x20]
        0x0F, 0x11, 0x07,                                     // movups [rdi], xmm0
        0x0F, 0x11, 0x54, 0x17, 0xF0,                         // movups [rdi+rdx-0x10], xmm2
        0x0F, 0x11, 0x4F, 0x10,                               // movups [rdi+0x10], xmm1
        0x0F, 0x11, 0x5C, 0x17, 0xE0,                         // movups [rdi+rdx-0x20], xmm3
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        // copy_sse_over_64:
        0x48, 0x81, 0xFA, 0x80, 0x00, 0x00, 0x00,             // cmp rdx, 0x80
        0x77, 0x4B,                                           // ja copy_sse_over_128
        0x0F, 0x10, 0x06,                                     // movups xmm0, [rsi]
        0x0F, 0x10, 0x64, 0x16, 0xF0,                         // movups xmm4, [rsi+rdx-0x10]
        0x0F, 0x10, 0x4E, 0x10,                               // movups xmm1, [rsi+0x10]
        0x0F, 0x10, 0x6C, 0x16, 0xE0,                         // movups xmm5, [rsi+rdx-0x20]
        0x0F, 0x10, 0x56, 0x20,                               // movups xmm2, [rsi+0x20]
        0x0F, 0x10, 0x74, 0x16, 0xD0,                         // movups xmm6, [rsi+rdx-0x30]
        0x0F, 0x10, 0x5E, 0x30,                               // movups xmm3, [rsi+0x30]
        0x0F, 0x10, 0x7C, 0x16, 0xC0,                         // movups xmm7, [rsi+rdx-0x40]
        0x0F, 0x11, 0x07,                                     // movups [rdi], xmm0
        0x0F, 0x11, 0x64, 0x17, 0xF0,                         // movups [rdi+rdx-0x10], xmm4
        0x0F, 0x11, 0x4F, 0x10,                               // movups [rdi+0x10], xmm1
        0x0F, 0x11, 0x6C, 0x17, 0xE0,                         // movups [rdi+rdx-0x20], xmm5
        0x0F, 0x11, 0x57, 0x20,                               // movups [rdi+0x20], xmm2
        0x0F, 0x11, 0x74, 0x17, 0xD0,                         // movups [rdi+rdx-0x30], xmm6
        0x0F, 0x11, 0x5F, 0x30,                               // movups [rdi+0x30], xmm3
        0x0F, 0x11, 0x7C, 0x17, 0xC0,                         // movups [rdi+rdx-0x40], xmm7
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        // copy_sse_over_128:
        0x48, 0x89, 0xF8,                                     // mov rax, rdi
        0x48, 0x29, 0xF0,                                     // sub rax, rsi
        0x48, 0x39, 0xD0,                                     // cmp rax, rdx
        0x0F, 0x82, 0x9E, 0x00, 0x00, 0x00,                   // jb copy_sse_backward
        0x48, 0x3B, 0x15, 0x18, 0x04, 0x00, 0x00,             // cmp rdx, [rel repeat_copy_from]
        0x72, 0x12,                                           // jb copy_sse_forward
        0x48, 0xF7, 0xD8,                                     // neg rax
        0x48, 0x39, 0xD0,                                     // cmp rax, rdx
        0x72, 0x0A,                                           // jb copy_sse_forward
        0x48, 0x89, 0xD1,                                     // mov rcx, rdx
        0xF3, 0xA4,                                           // rep movsb
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        // copy_sse_forward:
        0x44, 0x0F, 0x10, 0x06,                               // movups xmm8, [rsi]
        0x0F, 0x10, 0x64, 0x16, 0xC0,                         // movups xmm4, [rsi+rdx-0x40]
        0x0F, 0x10, 0x6C, 0x16, 0xD0,                         // movups xmm5, [rsi+rdx-0x30]
        0x0F, 0x10, 0x74, 0x16, 0xE0,                         // movups xmm6, [rsi+rdx-0x20]
        0x0F, 0x10, 0x7C, 0x16, 0xF0,                         // movups xmm7, [rsi+rdx-0x10]
        0x49, 0x89, 0xF9,                                     // mov r9, rdi
        0x4C, 0x8D, 0x44, 0x17, 0xC0,                         // lea r8, [rdi+rdx-0x40]
        0x48, 0x89, 0xF8,                                     // mov rax, rdi
        0x48, 0x0D, 0x0F, 0x00, 0x00, 0x00,                   // or rax, 0xF
        0x48, 0xFF, 0xC0,                                     // inc rax
        0x48, 0x29, 0xF8,                                     // sub rax, rdi
        0x48, 0x01, 0xC6,                                     // add rsi, rax
        0x48, 0x01, 0xC7,                                     // add rdi, rax
        0x0F, 0x1F, 0x80, 0x00, 0x00, 0x00, 0x00,             // nop dword [rax]
        // copy_sse_forward_loop:
        0x0F, 0x10, 0x06,                                     // movups xmm0, [rsi]
        0x0F, 0x10, 0x4E, 0x10,                               // movups xmm1, [rsi+0x10]
        0x0F, 0x10, 0x56, 0x20,                               // movups xmm2, [rsi+0x20]
        0x0F, 0x10, 0x5E, 0x30,                               // movups xmm3, [rsi+0x30]
        0x0F, 0x29, 0x07,                                     // movaps [rdi], xmm0
        0x0F, 0x29, 0x4F, 0x10,                               // movaps [rdi+0x10], xmm1
        0x0F, 0x29, 0x57, 0x20,                               // movaps [rdi+0x20], xmm2
        0x0F, 0x29, 0x5F, 0x30,                               // movaps [rdi+0x30], xmm3
        0x48, 0x83, 0xC6, 0x40,                               // add rsi, 0x40
        0x48, 0x83, 0xC7, 0x40,                               // add rdi, 0x40
        0x4C, 0x39, 0xC7,                                     // cmp rdi, r8
        0x72, 0xD5,                                           // jb copy_sse_forward_loop
        0x41, 0x0F, 0x11, 0x20,                               // movups [r8], xmm4
        0x41, 0x0F, 0x11, 0x68, 0x10,                         // movups [r8+0x10], xmm5
        0x41, 0x0F, 0x11, 0x70, 0x20,                         // movups [r8+0x20], xmm6
        0x41, 0x0F, 0x11, 0x78, 0x30,                         // movups [r8+0x30], xmm7
        0x45, 0x0F, 0x11, 0x01,                               // movups [r9], xmm8
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        // copy_sse_backward:
        0x44, 0x0F, 0x10, 0x44, 0x16, 0xF0,                   // movups xmm8, [rsi+rdx-0x10]
        0x0F, 0x10, 0x26,                                     // movups xmm4, [rsi]
        0x0F, 0x10, 0x6E, 0x10,                               // movups xmm5, [rsi+0x10]
        0x0F, 0x10, 0x76, 0x20,                               // movups xmm6, [rsi+0x20]
        0x0F, 0x10, 0x7E, 0x30,                               // movups xmm7, [rsi+0x30]
        0x49, 0x89, 0xF8,                                     // mov r8, rdi
        0x4C, 0x8D, 0x4C, 0x17, 0xF0,                         // lea r9, [rdi+rdx-0x10]
        0x4C, 0x8D, 0x57, 0x40,                               // lea r10, [rdi+0x40]
        0x48, 0x29, 0xFE,                                     // sub rsi, rdi
        0x48, 0x8D, 0x7C, 0x17, 0xFF,                         // lea rdi, [rdi+rdx-1]
        0x48, 0x83, 0xE7, 0xF0,                               // and rdi, 0xFFFFFFFFFFFFFFF0
        0x48, 0x01, 0xFE,                                     // add rsi, rdi
        0x66, 0x0F, 0x1F, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00, // nop word [rax+rax]
        // copy_sse_backward_loop:
        0x0F, 0x10, 0x46, 0xF0,                               // movups xmm0, [rsi-0x10]
        0x0F, 0x10, 0x4E, 0xE0,                               // movups xmm1, [rsi-0x20]
        0x0F, 0x10, 0x56, 0xD0,                               // movups xmm2, [rsi-0x30]
        0x0F, 0x10, 0x5E, 0xC0,                               // movups xmm3, [rsi-0x40]
        0x0F, 0x29, 0x47, 0xF0,                               // movaps [rdi-0x10], xmm0
        0x0F, 0x29, 0x4F, 0xE0,                               // movaps [rdi-0x20], xmm1
        0x0F, 0x29, 0x57, 0xD0,                               // movaps [rdi-0x30], xmm2
        0x0F, 0x29, 0x5F, 0xC0,                               // movaps [rdi-0x40], xmm3
        0x48, 0x83, 0xEE, 0x40,                               // sub rsi, 0x40
        0x48, 0x83, 0xEF, 0x40,                               // sub rdi, 0x40
        0x4C, 0x39, 0xD7,                                     // cmp rdi, r10
        0x77, 0xD3,                                           // ja copy_sse_backward_loop
        0x41, 0x0F, 0x11, 0x20,                               // movups [r8], xmm4
        0x41, 0x0F, 0x11, 0x68, 0x10,                         // movups [r8+0x10], xmm5
        0x41, 0x0F, 0x11, 0x70, 0x20,                         // movups [r8+0x20], xmm6
        0x41, 0x0F, 0x11, 0x78, 0x30,                         // movups [r8+0x30], xmm7
        0x45, 0x0F, 0x11, 0x01,                               // movups [r9], xmm8
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,             // padding
    ];
}
