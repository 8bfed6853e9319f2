using System.Runtime.InteropServices;

namespace Hyperspan.Guarding;

/// <summary>
/// What a guarded access answers, in the two registers the calling convention returns such a structure in.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct GuardedResult
{
    /// <summary>
    /// The value read (zero-extended), the original value of a compare-exchange, or an address the access failed at.
    /// </summary>
    public readonly ulong Value;

    /// <summary>
    /// Zero, or the number of the signal the access raised (11 SIGSEGV, 7 SIGBUS), or what a bit-checked stub answers where it did nothing: 0x100 for a clear bit.
    /// </summary>
    public readonly ulong Status;

    public GuardedResult(ulong value, ulong status)
    {
        Value = value;
        Status = status;
    }

    /// <summary>The access took place.</summary>
    public bool Ok => Status == 0;
}
