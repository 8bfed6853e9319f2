using System.Runtime.CompilerServices;

namespace Hyperspan.Guarding;

// Accesses to memory under an access bitmap, one bit a page: bit i of byte j is page 8 * j + i. They have no effect and return a status of their own where
// the bit is clear, StubCode.StatusNotRestartable in a thread without restartable sequences: its access is done under a section of the RCU domain instead.
// The bitmap has to be valid memory for as long as anybody uses it. Only where SupportsRestartableSequences.
//
// The stubs for translated addresses take the same arguments, and lie at StubCode.TranslatedDistance from these: an I/O virtual address for that of the memory, a table of
// translations (Iotlb) for the bitmap, the number of the page for that of the bit. They have no effect where the page is not in the table.
//
// Each looks at the bit inside a restartable sequence, whose last instruction is the access. If the kernel interrupts the
// thread in between, for whatever reason, the sequence starts over with the look at the bit. So there is no moment at which a
// thread that is not running has looked at the bit but not done the access, and FlushRestartableSequences interrupts those that
// are running.
internal static unsafe partial class Guard
{
    /// <summary>
    /// Bit-checked accesses work here (glibc 2.35 or later with its restartable sequences switched on, Linux 5.10 or later).
    /// </summary>
    public static bool SupportsRestartableSequences
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => RestartableBarrier.IsRegistered;
    }

    /// <summary>
    /// After a bit was cleared, and this has returned, no bit-checked access of this process takes effect that saw the bit set;
    /// writes that did are visible. Waits for nobody.
    /// </summary>
    /// <remarks>
    /// A thread that was answered <see cref="StubCode.StatusNotRestartable"/> does its access under an RCU section, and one may exist even where
    /// <see cref="SupportsRestartableSequences"/> is true (a sandbox can refuse a later thread its registration). So whoever takes
    /// that fallback owes the restricting side a grace period as well.
    /// </remarks>
    public static void FlushRestartableSequences()
    {
        if (RestartableBarrier.IsRegistered)
        {
            RestartableBarrier.Flush();
        }
    }

    /// <summary>
    /// Reads with exactly one load if the bit is set, by the stubs of the image that is given: <see cref="GuardEntry.Code"/>, or as far after it as the stubs for translated
    /// pages lie after those for bits.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult BitCheckedLoad<T>(byte* p, byte* bitmap, ulong bitIndex, byte* code)
        where T : unmanaged
    {
        // SAFETY: a fault of the stub's accesses returns here as a status.
        return ((delegate*<byte*, byte*, ulong, GuardedResult>)(code + StubCode.BitCheckedLoadOffset(sizeof(T))))(p, bitmap, bitIndex);
    }

    /// <summary>Writes with exactly one store that takes effect only while the bit is set.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult BitCheckedStore<T>(byte* p, T value, byte* bitmap, ulong bitIndex, byte* code)
        where T : unmanaged
    {
        // SAFETY: as above.
        return ((delegate*<byte*, ulong, byte*, ulong, GuardedResult>)(code + StubCode.BitCheckedStoreOffset(sizeof(T))))(
            p, Scalar.ToBits(value), bitmap, bitIndex);
    }

    /// <summary>Compares and exchanges, which takes effect only while the bit is set; see <see cref="CompareExchange{T}(byte*, T, T)"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult BitCheckedCompareExchange<T>(byte* p, T value, T comparand, byte* bitmap, ulong bitIndex, byte* code)
        where T : unmanaged
    {
        // SAFETY: as above.
        return ((delegate*<byte*, ulong, ulong, byte*, ulong, GuardedResult>)(code + StubCode.BitCheckedCompareExchangeOffset(sizeof(T))))(
            p, Scalar.ToBits(comparand), Scalar.ToBits(value), bitmap, bitIndex);
    }

    /// <summary>Whether a copy has a length that <see cref="BitCheckedRead"/> and <see cref="BitCheckedWrite"/> do: 4 to 64 bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsBitCheckedLength(nuint length) => length - 4 <= 60;

    /// <summary>Copies bytes out of one page, all of which are read while the bit is set, to managed memory that need not be pinned.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult BitCheckedRead(ref byte destination, byte* p, nuint length, byte* bitmap, ulong bitIndex, byte* stub)
    {
        // SAFETY: as above; no collection runs before the stub has returned.
        return ((delegate*<ref byte, byte*, nuint, byte*, ulong, GuardedResult>)stub)(ref destination, p, length, bitmap, bitIndex);
    }

    /// <summary>
    /// Copies bytes into one page, upwards by stores of up to 32 bytes, each of which takes effect only while the bit is set. Where one does not, the value that is answered
    /// says how many bytes have been written before it: all of them below the rest.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuardedResult BitCheckedWrite(byte* p, ref byte source, nuint length, byte* bitmap, ulong bitIndex, byte* stub)
    {
        // SAFETY: as above.
        return ((delegate*<byte*, ref byte, nuint, byte*, ulong, GuardedResult>)stub)(p, ref source, length, bitmap, bitIndex);
    }
}
