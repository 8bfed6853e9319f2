using System.Runtime.InteropServices;
using Hyperspan.Interop.Linux;
using Hyperspan.Synchronization;

namespace Hyperspan.Guarding;

/// <summary>
/// Guarded access for hosts that forbid executable pages: <c>process_vm_readv(2)</c> and <c>process_vm_writev(2)</c> on this
/// process itself. Slow (microseconds an access), and with limits:
/// <list type="bullet">
/// <item>SIGBUS cannot be told from SIGSEGV: every fault is reported as SIGSEGV.</item>
/// <item>A compare-exchange is atomic only against other compare-exchanges and stores of this class in this process, not against
/// a guest, another process or unguarded accesses.</item>
/// <item>Values are copied by the kernel, which on common processors takes aligned values up to 8 bytes whole but does not
/// promise to.</item>
/// <item>Memory the kernel does not reach through a page (device registers, <c>memfd_secret</c>) is reported as
/// inaccessible.</item>
/// </list>
/// </summary>
internal static unsafe partial class SubstituteGuard
{
    private const int LockCount = 64;

    private static readonly Lock[] Locks = CreateLocks();
    private static readonly int Self = OperatingSystem.IsLinux() ? LibC.GetPid() : 0;

    /// <summary>Finds out whether the host lets a process transfer to and from itself.</summary>
    public static bool TryProbe(out string refusal)
    {
        ulong source = 0x5A5A5A5A5A5A5A5A, destination = 0, copy = 0;
        if (TryTransfer((byte*)&destination, (byte*)&source, 8, write: false, out var error) &&
            TryTransfer((byte*)&destination, (byte*)&copy, 8, write: true, out error) &&
            copy == source)
        {
            refusal = "";
            return true;
        }

        refusal = "process_vm_readv fails: " + Marshal.GetPInvokeErrorMessage(error);
        return false;
    }

    public static GuardedResult Load(byte* p, int size)
    {
        ulong value = 0;
        return Read(&value, p, size) ? new(value, 0) : Fault(p);
    }

    public static GuardedResult Store(byte* p, ulong value, int size)
    {
        // Locked so that the store does not fall between the two halves of a compare-exchange and get lost.
        using (UninterruptedLock.Enter(LockFor(p)))
        {
            return Write(p, &value, size) ? default : Fault(p);
        }
    }

    public static GuardedResult CompareExchange(byte* p, ulong comparand, ulong value, int size)
    {
        var mask = size == 8 ? ulong.MaxValue : (1UL << (size * 8)) - 1;
        using (UninterruptedLock.Enter(LockFor(p)))
        {
            // As with the real instruction, memory that cannot be written is a fault even if nothing would be.
            ulong original = 0;
            if (!ProbeWrite(p).Ok || !Read(&original, p, size))
            {
                return Fault(p);
            }

            return original != (comparand & mask) || Write(p, &value, size) ? new(original, 0) : Fault(p);
        }
    }

    /// <summary>
    /// A write that changes nothing: <c>futex(2)</c> ORs zero, atomically, into the aligned word around the byte, and answers
    /// EFAULT where it cannot.
    /// </summary>
    public static GuardedResult ProbeWrite(byte* p)
    {
        ThrowUnlessSupported();
        uint nobodyWaitsHere = 0;

        // SAFETY: the kernel checks the second address; the word around a byte is in the same page, and the operation leaves its
        // value.
        var result = LibC.Futex(
            &nobodyWaitsHere, LinuxConstants.FUTEX_WAKE_OP | LinuxConstants.FUTEX_PRIVATE_FLAG, 0, 0,
            (uint*)((nuint)p & ~(nuint)3), LinuxConstants.FutexOpOrZero);
        return result >= 0 ? default : Fault(p);
    }

    /// <summary>What stores and exchanges at an address wait for. Neighbours share a lock, so that accesses of different sizes to the same eight bytes meet.</summary>
    internal static Lock LockFor(byte* p) => Locks[((nuint)p >> 3) % LockCount];

    private static bool Read(ulong* value, byte* p, int size)
    {
        // SAFETY: the local side is a local variable of at least that size; the kernel checks the other.
        return Transfer((byte*)value, p, (nuint)size, write: false);
    }

    private static bool Write(byte* p, ulong* value, int size)
    {
        // SAFETY: as above.
        return Transfer((byte*)value, p, (nuint)size, write: true);
    }

    private static GuardedResult Fault(byte* p) => new((ulong)p, LinuxConstants.SIGSEGV);

    private static Lock[] CreateLocks()
    {
        var locks = new Lock[LockCount];
        for (var i = 0; i < locks.Length; i++)
        {
            locks[i] = new Lock();
        }

        return locks;
    }
}
