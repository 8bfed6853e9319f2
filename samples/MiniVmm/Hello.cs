namespace Hyperspan.Samples;

/// <summary>The guest: 64-bit code that is loaded at 0x10000, sends a text to port 0x3f8, counts in memory, rings a doorbell and halts.</summary>
internal static class Hello
{
    internal const ulong Address = 0x10000;
    internal const ulong Counter = 0x20000;
    internal const ulong Doorbell = 0xd000_0000;

    internal static readonly byte[] Code =
    [
        0x48, 0x8d, 0x35, 0x28, 0x00, 0x00, 0x00, // 00  lea rsi, [rip + text]
        0xb9, 0x11, 0x00, 0x00, 0x00,             // 07  mov ecx, 17
        0x66, 0xba, 0xf8, 0x03,                   // 0c  mov dx, 0x3f8
        0xf3, 0x6e,                               // 10  rep outsb
        0xb9, 0xa0, 0x86, 0x01, 0x00,             // 12  mov ecx, 100000
        0xf0, 0xff, 0x04, 0x25, 0, 0, 2, 0,       // 17  again: lock inc dword ptr [0x20000]
        0xff, 0xc9,                               // 1f  dec ecx
        0x75, 0xf4,                               // 21  jne again
        0xb8, 0x00, 0x00, 0x00, 0xd0,             // 23  mov eax, 0xd0000000
        0xc7, 0x00, 0x01, 0x00, 0x00, 0x00,       // 28  mov dword ptr [rax], 1
        0xf4,                                     // 2e  hlt
        .. "Hello from ring 0"u8,                 // 2f  text
    ];
}
