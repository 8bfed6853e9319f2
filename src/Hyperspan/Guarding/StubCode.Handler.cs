// Written by StubListing in the tests: change StubProgram there, then run StubCodeTests with HYPERSPAN_REGENERATE_STUBS=1.
namespace Hyperspan.Guarding;

internal static partial class StubCode
{
    /// <summary>The signal handler and the points where recovered stubs return.</summary>
    private static ReadOnlySpan<byte> HandlerSection =>
    [
        // handler:
        0x50,                                                 // push rax
        0x51,                                                 // push rcx
        0x48, 0x8B, 0x82, 0xA8, 0x00, 0x00, 0x00,             // mov rax, [rdx+0xA8]
        0x48, 0x8D, 0x0D, 0xF0, 0x00, 0x00, 0x00,             // lea rcx, [rel load1]
        0x48, 0x39, 0xC8,                                     // cmp rax, rcx
        0x72, 0x4C,                                           // jb foreign
        0x48, 0x8D, 0x0D, 0x64, 0x0B, 0x00, 0x00,             // lea rcx, [rel data]
        0x48, 0x39, 0xC8,                                     // cmp rax, rcx
        0x73, 0x40,                                           // jae foreign
        0x83, 0x7E, 0x08, 0x00,                               // cmp dword [rsi+8], 0
        0x7E, 0x3A,                                           // jle foreign
        0x48, 0x8D, 0x0D, 0x92, 0x08, 0x00, 0x00,             // lea rcx, [rel copy_avx]
        0x48, 0x39, 0xC8,                                     // cmp rax, rcx
        0x48, 0x8D, 0x05, 0xBB, 0x00, 0x00, 0x00,             // lea rax, [rel recover]
        0x48, 0x8D, 0x0D, 0xB1, 0x00, 0x00, 0x00,             // lea rcx, [rel recover_avx]
        0x48, 0x0F, 0x43, 0xC1,                               // cmovae rax, rcx
        0x48, 0x89, 0x82, 0xA8, 0x00, 0x00, 0x00,             // mov [rdx+0xA8], rax
        0x48, 0x8B, 0x46, 0x10,                               // mov rax, [rsi+0x10]
        0x48, 0x89, 0x82, 0x90, 0x00, 0x00, 0x00,             // mov [rdx+0x90], rax
        0x89, 0xF8,                                           // mov eax, edi
        0x48, 0x89, 0x82, 0x88, 0x00, 0x00, 0x00,             // mov [rdx+0x88], rax
        0x59,                                                 // pop rcx
        0x58,                                                 // pop rax
        0xC3,                                                 // ret
        // foreign:
        0x83, 0xFF, 0x07,                                     // cmp edi, 7
        0x74, 0x13,                                           // je foreign_bus
        0x48, 0x8B, 0x0D, 0x23, 0x0B, 0x00, 0x00,             // mov rcx, [rel segv_mode]
        0x85, 0xC9,                                           // test ecx, ecx
        0x75, 0x1B,                                           // jne unchained
        // segv_chain:
        0x59,                                                 // pop rcx
        0x58,                                                 // pop rax
        0xFF, 0x25, 0x0F, 0x0B, 0x00, 0x00,                   // jmp qword [rel segv_previous]
        // foreign_bus:
        0x48, 0x8B, 0x0D, 0x20, 0x0B, 0x00, 0x00,             // mov rcx, [rel bus_mode]
        0x85, 0xC9,                                           // test ecx, ecx
        0x75, 0x08,                                           // jne unchained
        // bus_chain:
        0x59,                                                 // pop rcx
        0x58,                                                 // pop rax
        0xFF, 0x25, 0x0C, 0x0B, 0x00, 0x00,                   // jmp qword [rel bus_previous]
        // unchained:
        0x83, 0xF9, 0x02,                                     // cmp ecx, 2
        0x75, 0x06,                                           // jne put_back
        0x83, 0x7E, 0x08, 0x00,                               // cmp dword [rsi+8], 0
        0x7E, 0x51,                                           // jle leave
        // put_back:
        0x51,                                                 // push rcx
        0x52,                                                 // push rdx
        0x56,                                                 // push rsi
        0x41, 0x52,                                           // push r10
        0x41, 0x53,                                           // push r11
        0xB8, 0x0D, 0x00, 0x00, 0x00,                         // mov eax, 0xD
        0x48, 0x8D, 0x35, 0x16, 0x0B, 0x00, 0x00,             // lea rsi, [rel default_action]
        0x31, 0xD2,                                           // xor edx, edx
        0x41, 0xBA, 0x08, 0x00, 0x00, 0x00,                   // mov r10d, 8
        0x0F, 0x05,                                           // syscall
        0x41, 0x5B,                                           // pop r11
        0x41, 0x5A,                                           // pop r10
        0x5E,                                                 // pop rsi
        0x5A,                                                 // pop rdx
        0x59,                                                 // pop rcx
        0x83, 0xF9, 0x03,                                     // cmp ecx, 3
        0x75, 0x07,                                           // jne send_again
        0x83, 0xFF, 0x07,                                     // cmp edi, 7
        0x74, 0xBF,                                           // je bus_chain
        0xEB, 0xAA,                                           // jmp segv_chain
        // send_again:
        0x83, 0x7E, 0x08, 0x00,                               // cmp dword [rsi+8], 0
        0x7F, 0x1B,                                           // jg leave
        0x89, 0xFA,                                           // mov edx, edi
        0xB8, 0xBA, 0x00, 0x00, 0x00,                         // mov eax, 0xBA
        0x0F, 0x05,                                           // syscall
        0x89, 0xC6,                                           // mov esi, eax
        0xB8, 0x27, 0x00, 0x00, 0x00,                         // mov eax, 0x27
        0x0F, 0x05,                                           // syscall
        0x89, 0xC7,                                           // mov edi, eax
        0xB8, 0xEA, 0x00, 0x00, 0x00,                         // mov eax, 0xEA
        0x0F, 0x05,                                           // syscall
        // leave:
        0x59,                                                 // pop rcx
        0x58,                                                 // pop rax
        0xC3,                                                 // ret
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC,                         // padding
        // recover_avx:
        0xC5, 0xF8, 0x77,                                     // vzeroupper
        // recover:
        0xC3,                                                 // ret
        0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC,       // padding
        0xCC, 0xCC, 0xCC, 0xCC,                               // padding
    ];
}
