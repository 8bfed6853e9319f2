// Written by StubListing in the tests: change StubProgram there, then run StubCodeTests with HYPERSPAN_REGENERATE_STUBS=1.
namespace Hyperspan.Guarding;

internal static partial class StubCode
{
    /// <summary>Fill: destination in rdi, value in sil, length in rdx.</summary>
    private static ReadOnlySpan<byte> FillSection =>
    [
        // fill:
        0x40, 0x0F, 0xB6, 0xC6,                               // movzx eax, sil
        0x48, 0xB9, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, // mov rcx, 0x101010101010101
        0x48, 0x0F, 0xAF, 0xC1,                               // imul rax, rcx
        0x48, 0x83, 0xFA, 0x10,                               // cmp rdx, 0x10
        0x77, 0x3F,                                           // ja fill_over_16
        0x83, 0xFA, 0x08,                                     // cmp edx, 8
        0x73, 0x15,                                           // jae fill_8
        0x83, 0xFA, 0x04,                                     // cmp edx, 4
        0x73, 0x1D,                                           // jae fill_4
        0x83, 0xFA, 0x02,                                     // cmp edx, 2
        0x73, 0x23,                                           // jae fill_2
        0x85, 0xD2,                                           // test edx, edx
        0x74, 0x02,                                           // je fill_done
        0x88, 0x07,                                           // mov [rdi], al
        // fill_done:
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        // fill_8:
        0x48, 0x89, 0x07,                                     // mov [rdi], rax
        0x48, 0x89, 0x44, 0x17, 0xF8,                         // mov [rdi+rdx-8], rax
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        // fill_4:
        0x89, 0x07,                                           // mov [rdi], eax
        0x89, 0x44, 0x17, 0xFC,                               // mov [rdi+rdx-4], eax
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        // fill_2:
        0x66, 0x89, 0x07,                                     // mov [rdi], ax
        0x66, 0x89, 0x44, 0x17, 0xFE,                         // mov [rdi+rdx-2], ax
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        // fill_over_16:
        0x66, 0x48, 0x0F, 0x6E, 0xC0,                         // movq xmm0, rax
        0x66, 0x0F, 0x6C, 0xC0,                               // punpcklqdq xmm0, xmm0
        0x48, 0x83, 0xFA, 0x40,                               // cmp rdx, 0x40
        0x77, 0x1B,                                           // ja fill_over_64
        0x0F, 0x11, 0x07,                                     // movups [rdi], xmm0
        0x0F, 0x11, 0x44, 0x17, 0xF0,                         // movups [rdi+rdx-0x10], xmm0
        0x83, 0xFA, 0x20,                                     // cmp edx, 0x20
        0x76, 0xBA,                                           // jbe fill_done
        0x0F, 0x11, 0x47, 0x10,                               // movups [rdi+0x10], xmm0
        0x0F, 0x11, 0x44, 0x17, 0xE0,                         // movups [rdi+rdx-0x20], xmm0
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        // fill_over_64:
        0x48, 0x3B, 0x15, 0xA8, 0x05, 0x00, 0x00,             // cmp rdx, [rel repeat_fill_from]
        0x73, 0x42,                                           // jae fill_repeat
        0x0F, 0x11, 0x07,                                     // movups [rdi], xmm0
        0x48, 0x8D, 0x4C, 0x17, 0xC0,                         // lea rcx, [rdi+rdx-0x40]
        0x48, 0x83, 0xE7, 0xF0,                               // and rdi, 0xFFFFFFFFFFFFFFF0
        0x48, 0x83, 0xC7, 0x10,                               // add rdi, 0x10
        0x48, 0x39, 0xCF,                                     // cmp rdi, rcx
        0x73, 0x19,                                           // jae fill_tail
        0x90,                                                 // nop
        // fill_loop:
        0x0F, 0x29, 0x07,                                     // movaps [rdi], xmm0
        0x0F, 0x29, 0x47, 0x10,                               // movaps [rdi+0x10], xmm0
        0x0F, 0x29, 0x47, 0x20,                               // movaps [rdi+0x20], xmm0
        0x0F, 0x29, 0x47, 0x30,                               // movaps [rdi+0x30], xmm0
        0x48, 0x83, 0xC7, 0x40,                               // add rdi, 0x40
        0x48, 0x39, 0xCF,                                     // cmp rdi, rcx
        0x72, 0xE8,                                           // jb fill_loop
        // fill_tail:
        0x0F, 0x11, 0x01,                                     // movups [rcx], xmm0
        0x0F, 0x11, 0x41, 0x10,                               // movups [rcx+0x10], xmm0
        0x0F, 0x11, 0x41, 0x20,                               // movups [rcx+0x20], xmm0
        0x0F, 0x11, 0x41, 0x30,                               // movups [rcx+0x30], xmm0
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        // fill_repeat:
        0x48, 0x89, 0xD1,                                     // mov rcx, rdx
        0xF3, 0xAA,                                           // rep stosb
        0x31, 0xC0,                                           // xor eax, eax
        0x31, 0xD2,                                           // xor edx, edx
        0xC3,                                                 // ret
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        0xCC, 0xCC,                                           // padding
    ];
}
