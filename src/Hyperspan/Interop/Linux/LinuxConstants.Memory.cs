namespace Hyperspan.Interop.Linux;

internal static partial class LinuxConstants
{
    internal const int PROT_NONE = 0;
    internal const int PROT_READ = 1;
    internal const int PROT_WRITE = 2;
    internal const int PROT_EXEC = 4;

    internal const int MAP_SHARED = 1;
    internal const int MAP_PRIVATE = 2;
    internal const int MAP_FIXED = 0x10;
    internal const int MAP_ANONYMOUS = 0x20;

    internal const uint MFD_CLOEXEC = 1;

    /// <summary>Atomic read-modify-write of the second word, then a conditional wake.</summary>
    internal const int FUTEX_WAKE_OP = 5;
    internal const int FUTEX_PRIVATE_FLAG = 128;

    /// <summary>
    /// The operand of <c>FUTEX_WAKE_OP</c> that ORs zero into the second word: <c>FUTEX_OP(FUTEX_OP_OR, 0, FUTEX_OP_CMP_EQ,
    /// 0)</c>.
    /// </summary>
    internal const int FutexOpOrZero = 2 << 28;

    internal const int EFAULT = 14;
}
