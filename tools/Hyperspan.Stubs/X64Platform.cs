using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Hyperspan.Stubs;

/// <summary>
/// A system on x86-64: the registers that its calling convention passes arguments in and leaves to a function, and what the image for it consists of. On Windows the first
/// argument says where the answer goes, and rdi, rsi and xmm6 to xmm15 are the caller's.
/// </summary>
internal sealed class X64Platform
{
    private X64Platform()
    {
    }

    public static X64Platform Linux { get; } = new()
    {
        System = "Linux",
        ClassName = "X64StubCode",
        First = rdi,
        Second = rsi,
        Second32 = esi,
        Second16 = si,
        Second8 = sil,
        Third = rdx,
        Third32 = edx,
        Third16 = dx,
        Third8 = dl,
        Scratch1 = r8,
        Scratch2 = r9,
        Scratch3 = r10,
        Zmm = [zmm0, zmm1, zmm2, zmm3, zmm4, zmm5, zmm6, zmm7, zmm8],
        Sections =
        [
            new("handler", "The signal handler and the points where recovered stubs return."),
            new("keep_pages", "Pages kept before they are written: the state in rdi. It is called with a transition, and ends when it is asked to."),
            new("load1", "Loads, stores, compare-exchanges and the write probe: p in rdi, comparand or value in rsi, value in rdx."),
            new("bit_load1", "Accesses that count only under a set bit: bitmap and bit index in the last two arguments."),
            new("tlb_load1", "Accesses through a table of translations: table and page number in the last two arguments."),
            new("bit_read", "Copies of 4 to 64 bytes to or from one page: bitmap and bit, or table and page number, in the last two arguments."),
            new("fill", "Fill: destination in rdi, value in sil, length in rdx."),
            new("copy_upwards", "Copy of ranges that do not overlap, written strictly upwards: destination in rdi, source in rsi, length in rdx."),
            new("copy_sse", "Copy for every x86-64 processor: destination in rdi, source in rsi, length in rdx; they may overlap."),
            new("copy_avx", "The same copy with 32-byte registers."),
            new("bit_write_avx", "Copies to one page with 32-byte registers, where the length is 32 bytes or more."),
            new("copy_avx512", "The same copy with 64-byte registers."),
            new("data", "What the installer completes before the page becomes executable."),
        ],
        Entries =
        [
            ("Handler", "handler"), ("KeepPages", "keep_pages"), ("ProbeWrite", "probe_write"), ("Translated", "tlb_load1"), ("Fill", "fill"),
            ("BitCheckedRead", "bit_read"), ("BitCheckedWrite", "bit_write"), ("TranslatedRead", "tlb_read"), ("TranslatedWrite", "tlb_write"),
            ("BitCheckedWriteAvx", "bit_write_avx"), ("TranslatedWriteAvx", "tlb_write_avx"),
            ("CopyUpwards", "copy_upwards"), ("CopySse", "copy_sse"), ("CopyAvx", "copy_avx"), ("CopyAvx512", "copy_avx512"),
            ("SegvPrevious", "segv_previous"), ("SegvMode", "segv_mode"), ("BusPrevious", "bus_previous"), ("BusMode", "bus_mode"),
            ("RepeatCopyFrom", "repeat_copy_from"), ("RepeatFillFrom", "repeat_fill_from"), ("RestartableArea", "restartable_area"),
        ],
        ScalarEntries =
        [
            ("Load", "load"), ("Store", "store"), ("CompareExchange", "cas"),
            ("BitCheckedLoad", "bit_load"), ("BitCheckedStore", "bit_store"), ("BitCheckedCompareExchange", "bit_cas"),
        ],
    };

    public static X64Platform Windows { get; } = new()
    {
        System = "Windows",
        ClassName = "WindowsX64StubCode",
        IsWindows = true,
        First = rdx,
        Second = r8,
        Second32 = r8d,
        Second16 = r8w,
        Second8 = r8b,
        Third = r9,
        Third32 = r9d,
        Third16 = r9w,
        Third8 = r9b,
        Scratch1 = r10,
        Scratch2 = rcx,
        Scratch3 = rax,
        Zmm = [zmm16, zmm17, zmm18, zmm19, zmm20, zmm21, zmm22, zmm23, zmm24],
        Sections =
        [
            new("handler", "The exception handler and the points where recovered stubs return. The answer's address is in r11."),
            new("load1", "Loads, stores, compare-exchanges and the write probe: the answer's address in rcx, p in rdx, comparand or value in r8, value in r9."),
            new("fill", "Fill: the answer's address in rcx, destination in rdx, value in r8b, length in r9."),
            new("copy_upwards", "Copy of ranges that do not overlap, written strictly upwards: the answer's address in rcx, destination in rdx, source in r8, length in r9."),
            new("copy_sse", "Copy for every x86-64 processor: the answer's address in rcx, destination in rdx, source in r8, length in r9; they may overlap."),
            new("copy_avx", "The same copy with 32-byte registers."),
            new("copy_avx512", "The same copy with 64-byte registers."),
            new("fill_repeat", "String operations, which the stubs before end in: rdi is kept in r10, rsi in r9."),
            new("data", "What the installer completes before the page becomes executable."),
        ],
        Entries =
        [
            ("Handler", "handler"), ("RecoverRepeat", "recover_repeat"), ("RecoverAvx", "recover_avx"), ("Recover", "recover"),
            ("ProbeWrite", "probe_write"), ("Fill", "fill"), ("CopyUpwards", "copy_upwards"), ("CopySse", "copy_sse"), ("CopyAvx", "copy_avx"), ("CopyAvx512", "copy_avx512"),
            ("RepeatCopyFrom", "repeat_copy_from"), ("RepeatFillFrom", "repeat_fill_from"),
        ],
        ScalarEntries = [("Load", "load"), ("Store", "store"), ("CompareExchange", "cas")],
    };

    public required string System { get; init; }

    /// <summary>The class that the image becomes.</summary>
    public required string ClassName { get; init; }

    public bool IsWindows { get; init; }

    /// <summary>The stub's own first argument.</summary>
    public required AssemblerRegister64 First { get; init; }

    public required AssemblerRegister64 Second { get; init; }

    public required AssemblerRegister32 Second32 { get; init; }

    public required AssemblerRegister16 Second16 { get; init; }

    public required AssemblerRegister8 Second8 { get; init; }

    public required AssemblerRegister64 Third { get; init; }

    public required AssemblerRegister32 Third32 { get; init; }

    public required AssemblerRegister16 Third16 { get; init; }

    public required AssemblerRegister8 Third8 { get; init; }

    /// <summary>What the loops of copies may change, beside rax where they have not begun.</summary>
    public required AssemblerRegister64 Scratch1 { get; init; }

    public required AssemblerRegister64 Scratch2 { get; init; }

    public required AssemblerRegister64 Scratch3 { get; init; }

    public AssemblerRegisterXMM[] Xmm { get; } = [xmm0, xmm1, xmm2, xmm3, xmm4, xmm5, xmm6, xmm7, xmm8];

    public AssemblerRegisterYMM[] Ymm { get; } = [ymm0, ymm1, ymm2, ymm3, ymm4, ymm5, ymm6, ymm7, ymm8];

    public required AssemblerRegisterZMM[] Zmm { get; init; }

    /// <summary>The sections in image order, each with the label it starts at.</summary>
    public required IReadOnlyList<StubSection> Sections { get; init; }

    /// <summary>The labels the library needs, by the name of their constant.</summary>
    public required IReadOnlyList<(string Constant, string Label)> Entries { get; init; }

    /// <summary>The stubs there is one of for each size of a scalar: the name of their table, and their labels but for the size.</summary>
    public required IReadOnlyList<(string Table, string Label)> ScalarEntries { get; init; }

    /// <summary>How many registers a loop of a copy moves at once: it needs twice as many and one. On Windows six of the first sixteen are the function's.</summary>
    public int Unroll(int width) => IsWindows && width < 64 ? 2 : 4;
}
