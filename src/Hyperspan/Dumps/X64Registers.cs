using System.Buffers.Binary;
using System.Globalization;

namespace Hyperspan.Dumps;

/// <summary>The registers of an x86-64 processor, as a core file has them (<c>struct user_regs_struct</c>).</summary>
public sealed record X64Registers
{
    private const int PidOffset = 32;
    private const int RegistersOffset = 112;

    /// <summary>The length of an NT_PRSTATUS on x86-64 (<c>struct elf_prstatus</c>).</summary>
    internal const int StatusLength = 336;

    /// <summary>Initializes a new instance of the <see cref="X64Registers"/> class.</summary>
    /// <param name="rip">The instruction pointer.</param>
    /// <param name="rsp">The stack pointer.</param>
    /// <param name="rflags">The flags.</param>
    public X64Registers(ulong rip, ulong rsp, ulong rflags)
    {
        Rip = rip;
        Rsp = rsp;
        Rflags = rflags;
    }

    /// <summary>Gets the instruction pointer.</summary>
    public ulong Rip { get; }

    /// <summary>Gets the stack pointer.</summary>
    public ulong Rsp { get; }

    /// <summary>Gets the flags.</summary>
    public ulong Rflags { get; }

    /// <summary>Gets RAX.</summary>
    public ulong Rax { get; init; }

    /// <summary>Gets RBX.</summary>
    public ulong Rbx { get; init; }

    /// <summary>Gets RCX.</summary>
    public ulong Rcx { get; init; }

    /// <summary>Gets RDX.</summary>
    public ulong Rdx { get; init; }

    /// <summary>Gets RSI.</summary>
    public ulong Rsi { get; init; }

    /// <summary>Gets RDI.</summary>
    public ulong Rdi { get; init; }

    /// <summary>Gets RBP.</summary>
    public ulong Rbp { get; init; }

    /// <summary>Gets R8.</summary>
    public ulong R8 { get; init; }

    /// <summary>Gets R9.</summary>
    public ulong R9 { get; init; }

    /// <summary>Gets R10.</summary>
    public ulong R10 { get; init; }

    /// <summary>Gets R11.</summary>
    public ulong R11 { get; init; }

    /// <summary>Gets R12.</summary>
    public ulong R12 { get; init; }

    /// <summary>Gets R13.</summary>
    public ulong R13 { get; init; }

    /// <summary>Gets R14.</summary>
    public ulong R14 { get; init; }

    /// <summary>Gets R15.</summary>
    public ulong R15 { get; init; }

    /// <summary>Gets the code segment's selector.</summary>
    public ushort Cs { get; init; }

    /// <summary>Gets the stack segment's selector.</summary>
    public ushort Ss { get; init; }

    /// <summary>Gets the base of FS.</summary>
    public ulong FsBase { get; init; }

    /// <summary>Gets the base of GS.</summary>
    public ulong GsBase { get; init; }

    /// <summary>Reads them from the content of an NT_PRSTATUS.</summary>
    internal static X64Registers? Read(ReadOnlySpan<byte> status)
    {
        if (status.Length < StatusLength)
        {
            return null;
        }

        ulong[] all = new ulong[27];
        for (int i = 0; i < all.Length; i++)
        {
            all[i] = BinaryPrimitives.ReadUInt64LittleEndian(status[(RegistersOffset + (i * sizeof(ulong)))..]);
        }

        return new X64Registers(all[16], all[19], all[18])
        {
            R15 = all[0],
            R14 = all[1],
            R13 = all[2],
            R12 = all[3],
            Rbp = all[4],
            Rbx = all[5],
            R11 = all[6],
            R10 = all[7],
            R9 = all[8],
            R8 = all[9],
            Rax = all[10],
            Rcx = all[11],
            Rdx = all[12],
            Rsi = all[13],
            Rdi = all[14],
            Cs = (ushort)all[17],
            Ss = (ushort)all[20],
            FsBase = all[21],
            GsBase = all[22],
        };
    }

    /// <summary>Writes the content of an NT_PRSTATUS.</summary>
    /// <param name="status">Receives it.</param>
    /// <param name="number">The number of the processor, from zero; a reader shows it as a thread, from one.</param>
    internal void Write(Span<byte> status, int number)
    {
        status[..StatusLength].Clear();
        BinaryPrimitives.WriteInt32LittleEndian(status[PidOffset..], number + 1);
        ulong[] all =
        [
            R15, R14, R13, R12, Rbp, Rbx, R11, R10, R9, R8, Rax, Rcx, Rdx, Rsi, Rdi, ulong.MaxValue, Rip, Cs, Rflags, Rsp, Ss, FsBase, GsBase,
        ];
        for (int i = 0; i < all.Length; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(status[(RegistersOffset + (i * sizeof(ulong)))..], all[i]);
        }
    }

    /// <summary>Gives the registers that tell most.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"rip 0x{Rip:x}, rsp 0x{Rsp:x}, rflags 0x{Rflags:x}");
}
