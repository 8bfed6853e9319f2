using System.Numerics;
using System.Runtime.CompilerServices;

namespace Hyperspan;

/// <content>
/// Compare-exchange; exchange, add, and, or, each of which is one compare-exchange, repeated where another writer came first; reads and writes with ordering that want
/// natural alignment.
/// </content>
public sealed unsafe partial class GuestMemory
{
    /// <summary>
    /// Compares the value at an address with another and, if they are equal, replaces it, as one sequentially consistent operation.
    /// Parameters and result are those of <see cref="Interlocked.CompareExchange{T}(ref T, T, T)"/>.
    /// </summary>
    /// <typeparam name="T">A type of 1, 2, 4 or 8 bytes; see <see cref="Read{T}(GuestAddress)"/> for what it may hold. Bits are compared, not values.</typeparam>
    /// <param name="address">The guest-physical address, naturally aligned.</param>
    /// <param name="value">What to write.</param>
    /// <param name="comparand">What must be there for it to be written.</param>
    /// <returns>What was there before.</returns>
    /// <exception cref="GuestMemoryException">
    /// The memory could not be written; with <see cref="GuestMemoryFaultKind.Misaligned"/>, the address is not a multiple of the size and nothing was accessed.
    /// </exception>
    /// <exception cref="NotSupportedException">The type is refused, or is not of 1, 2, 4 or 8 bytes.</exception>
    /// <remarks>Memory that may be written is taken to be readable.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T CompareExchange<T>(GuestAddress address, T value, T comparand)
        where T : unmanaged =>
        ValuePath.TryCompareExchange(this, address.Value, value, comparand, out T original, out Obstacle obstacle)
            ? original
            : ValuePath.CompareExchangeOrThrow(this, address.Value, value, comparand, original, obstacle);

    /// <summary>Compares and exchanges; see <see cref="CompareExchange{T}(GuestAddress, T, T)"/>. Neither throws nor allocates when memory cannot be written.</summary>
    /// <typeparam name="T">A type of 1, 2, 4 or 8 bytes.</typeparam>
    /// <param name="address">The guest-physical address, naturally aligned.</param>
    /// <param name="value">What to write.</param>
    /// <param name="comparand">What must be there for it to be written.</param>
    /// <param name="exchanged">Whether the memory held the comparand, bit by bit, and so holds the value now.</param>
    /// <param name="original">What was there before.</param>
    /// <param name="fault">Why the memory could not be written.</param>
    /// <returns>Whether the memory could be accessed; not whether the value was exchanged, which <paramref name="exchanged"/> says.</returns>
    /// <exception cref="NotSupportedException">The type is refused, or is not of 1, 2, 4 or 8 bytes.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryCompareExchange<T>(GuestAddress address, T value, T comparand, out bool exchanged, out T original, out GuestMemoryFault fault)
        where T : unmanaged
    {
        if (ValuePath.TryCompareExchange(this, address.Value, value, comparand, out original, out Obstacle obstacle))
        {
            exchanged = Scalar.ToBits(original) == Scalar.ToBits(comparand);
            fault = default;
            return true;
        }

        bool accessed = ValuePath.TryCompareExchangeSlowly(this, address.Value, value, comparand, ref original, obstacle, out fault);
        exchanged = accessed && Scalar.ToBits(original) == Scalar.ToBits(comparand);
        return accessed;
    }

    /// <summary>Reads a value with acquire ordering: later accesses of this thread are not done before it.</summary>
    /// <typeparam name="T">A type of 1, 2, 4 or 8 bytes; see <see cref="Read{T}(GuestAddress)"/> for what it may hold.</typeparam>
    /// <param name="address">The guest-physical address, naturally aligned: unlike <see cref="Read{T}(GuestAddress)"/>, this never falls back to a copy.</param>
    /// <returns>The value.</returns>
    /// <exception cref="GuestMemoryException">The memory could not be read, or the address is misaligned.</exception>
    /// <exception cref="NotSupportedException">The type is refused, or is not of 1, 2, 4 or 8 bytes.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T VolatileRead<T>(GuestAddress address)
        where T : unmanaged
    {
        if (!TryVolatileRead(address, out T value, out GuestMemoryFault fault))
        {
            Throw(fault);
        }

        return value;
    }

    /// <summary>Reads a value with acquire ordering; see <see cref="VolatileRead{T}(GuestAddress)"/>. Neither throws nor allocates when memory cannot be read.</summary>
    /// <typeparam name="T">A type of 1, 2, 4 or 8 bytes.</typeparam>
    /// <param name="address">The guest-physical address, naturally aligned.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why it could not be read.</param>
    /// <returns>Whether it was read.</returns>
    /// <exception cref="NotSupportedException">The type is refused, or is not of 1, 2, 4 or 8 bytes.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryVolatileRead<T>(GuestAddress address, out T value, out GuestMemoryFault fault)
        where T : unmanaged
    {
        // Every read of an aligned value is one load with acquire ordering: what remains is to refuse the others.
        if (CheckAtomic<T>(address.Value, GuestMemoryOperation.Read, out fault))
        {
            return TryRead(address, out value, out fault);
        }

        value = default;
        return false;
    }

    /// <summary>Reads a value with acquire ordering; see <see cref="VolatileRead{T}(GuestAddress)"/>. Neither throws nor allocates when memory cannot be read.</summary>
    /// <typeparam name="T">A type of 1, 2, 4 or 8 bytes.</typeparam>
    /// <param name="address">The guest-physical address, naturally aligned.</param>
    /// <param name="value">The value, or the default where it could not be read.</param>
    /// <returns>Whether it was read.</returns>
    /// <exception cref="NotSupportedException">The type is refused, or is not of 1, 2, 4 or 8 bytes.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryVolatileRead<T>(GuestAddress address, out T value)
        where T : unmanaged
    {
        if (IsAtomic<T>(address.Value))
        {
            return TryRead(address, out value);
        }

        value = default;
        return false;
    }

    /// <summary>Writes a value with release ordering: earlier accesses of this thread are done before it.</summary>
    /// <typeparam name="T">A type of 1, 2, 4 or 8 bytes; see <see cref="Read{T}(GuestAddress)"/> for what it may hold.</typeparam>
    /// <param name="address">The guest-physical address, naturally aligned: unlike <see cref="Write{T}(GuestAddress, T)"/>, this never falls back to a copy.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="GuestMemoryException">The memory could not be written, or the address is misaligned.</exception>
    /// <exception cref="NotSupportedException">The type is refused, or is not of 1, 2, 4 or 8 bytes.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void VolatileWrite<T>(GuestAddress address, T value)
        where T : unmanaged
    {
        if (!TryVolatileWrite(address, value, out GuestMemoryFault fault))
        {
            Throw(fault);
        }
    }

    /// <summary>
    /// Writes a value with release ordering; see <see cref="VolatileWrite{T}(GuestAddress, T)"/>. Neither throws nor allocates when memory cannot be written.
    /// </summary>
    /// <typeparam name="T">A type of 1, 2, 4 or 8 bytes.</typeparam>
    /// <param name="address">The guest-physical address, naturally aligned.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why it could not be written.</param>
    /// <returns>Whether it was written.</returns>
    /// <exception cref="NotSupportedException">The type is refused, or is not of 1, 2, 4 or 8 bytes.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryVolatileWrite<T>(GuestAddress address, T value, out GuestMemoryFault fault)
        where T : unmanaged =>
        CheckAtomic<T>(address.Value, GuestMemoryOperation.Write, out fault) && TryWrite(address, value, out fault);

    /// <summary>Writes a value with release ordering; see <see cref="VolatileWrite{T}(GuestAddress, T)"/>. Neither throws nor allocates when memory cannot be written.</summary>
    /// <typeparam name="T">A type of 1, 2, 4 or 8 bytes.</typeparam>
    /// <param name="address">The guest-physical address, naturally aligned.</param>
    /// <param name="value">The value.</param>
    /// <returns>Whether it was written.</returns>
    /// <exception cref="NotSupportedException">The type is refused, or is not of 1, 2, 4 or 8 bytes.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryVolatileWrite<T>(GuestAddress address, T value)
        where T : unmanaged => IsAtomic<T>(address.Value) && TryWrite(address, value);

    /// <summary>Whether a value can be accessed by one instruction; see <see cref="CheckAtomic{T}"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool IsAtomic<T>(ulong address)
        where T : unmanaged =>
        (Scalar.Fits<T>() && (address < First.DirectRead || address < First.StubRead) && Scalar.IsAligned<T>(First.Base + address))
        || CheckAtomicSlowly<T>(address);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool CheckAtomicSlowly<T>(ulong address)
        where T : unmanaged => CheckAtomic<T>(address, GuestMemoryOperation.Read, out _);

    /// <summary>
    /// Checks that a value can be accessed by one instruction: its size, and the alignment of where it lies in the host. That is the alignment of the guest address,
    /// except in slices that do not start on a page.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool CheckAtomic<T>(ulong address, GuestMemoryOperation name, out GuestMemoryFault fault)
        where T : unmanaged
    {
        if (!Scalar.Fits<T>())
        {
            ThrowNotAtomic(typeof(T), sizeof(T));
        }

        if ((address < First.DirectRead || address < First.StubRead) && Scalar.IsAligned<T>(First.Base + address))
        {
            fault = default;
            return true;
        }

        return CheckAtomicGeneral(address, (ulong)sizeof(T), name, out fault);
    }

    private bool CheckAtomicGeneral(ulong address, ulong size, GuestMemoryOperation name, out GuestMemoryFault fault)
    {
        fault = default;
        if (Find(address) is { } region)
        {
            // A mapping starts on a page, so that its alignment is that of the offset in the backing. Where regions touch at an odd address, an aligned value may lie in two.
            bool isAligned = (region.InBacking(address) & (size - 1)) == 0;
            bool isWhole = region.Holds(address, size);
            if (isAligned && !isWhole && !CheckRange(address, size, name, out fault))
            {
                return false;
            }

            if (!isAligned || !isWhole)
            {
                fault = new GuestMemoryFault(
                    Name, name, GuestMemoryFaultKind.Misaligned, FaultCause.Check, address, (address, size), region.Backing.Name);
                return false;
            }
        }

        return true;
    }

    private static void ThrowNotAtomic(Type type, int size) =>
        throw new NotSupportedException($"{type} has {size} bytes; atomic accesses take types of 1, 2, 4 or 8 bytes");

    private enum Update
    {
        Exchange,
        Add,
        And,
        Or,
    }

    /// <summary>Replaces a value, as one sequentially consistent operation; the result is that of <see cref="Interlocked.Exchange{T}(ref T, T)"/>.</summary>
    /// <typeparam name="T">A type of 1, 2, 4 or 8 bytes; see <see cref="Read{T}(GuestAddress)"/> for what it may hold.</typeparam>
    /// <param name="address">The guest-physical address, naturally aligned.</param>
    /// <param name="value">What to write.</param>
    /// <returns>What was there before.</returns>
    /// <exception cref="GuestMemoryException">
    /// The memory could not be written, or the address is misaligned; see <see cref="CompareExchange{T}(GuestAddress, T, T)"/>.
    /// </exception>
    /// <exception cref="NotSupportedException">The type is refused, or is not of 1, 2, 4 or 8 bytes.</exception>
    public T Exchange<T>(GuestAddress address, T value)
        where T : unmanaged => UpdateOrThrow(Update.Exchange, address.Value, value);

    /// <summary>Replaces a value; see <see cref="Exchange{T}(GuestAddress, T)"/>. Neither throws nor allocates when memory cannot be written.</summary>
    /// <typeparam name="T">A type of 1, 2, 4 or 8 bytes.</typeparam>
    /// <param name="address">The guest-physical address, naturally aligned.</param>
    /// <param name="value">What to write.</param>
    /// <param name="original">What was there before.</param>
    /// <param name="fault">Why the memory could not be written.</param>
    /// <returns>Whether it was done.</returns>
    /// <exception cref="NotSupportedException">The type is refused, or is not of 1, 2, 4 or 8 bytes.</exception>
    public bool TryExchange<T>(GuestAddress address, T value, out T original, out GuestMemoryFault fault)
        where T : unmanaged => TryUpdate(Update.Exchange, address.Value, value, out original, out fault);

    /// <summary>Adds to an integer, as one sequentially consistent operation that wraps; the result is that of <see cref="Interlocked.Add(ref long, long)"/>.</summary>
    /// <typeparam name="T">An integer of 1, 2, 4 or 8 bytes, in the byte order of the host.</typeparam>
    /// <param name="address">The guest-physical address, naturally aligned.</param>
    /// <param name="value">What to add.</param>
    /// <returns>The sum, as it was written.</returns>
    /// <inheritdoc cref="Exchange{T}(GuestAddress, T)" path="/exception"/>
    public T Add<T>(GuestAddress address, T value)
        where T : unmanaged, IBinaryInteger<T> => unchecked(UpdateOrThrow(Update.Add, address.Value, value) + value);

    /// <summary>Adds to an integer; see <see cref="Add{T}(GuestAddress, T)"/>. Neither throws nor allocates when memory cannot be written.</summary>
    /// <typeparam name="T">An integer of 1, 2, 4 or 8 bytes.</typeparam>
    /// <param name="address">The guest-physical address, naturally aligned.</param>
    /// <param name="value">What to add.</param>
    /// <param name="sum">The sum, as it was written; zero where nothing was.</param>
    /// <param name="fault">Why the memory could not be written.</param>
    /// <returns>Whether it was done.</returns>
    /// <exception cref="NotSupportedException">The type is refused, or is not of 1, 2, 4 or 8 bytes.</exception>
    public bool TryAdd<T>(GuestAddress address, T value, out T sum, out GuestMemoryFault fault)
        where T : unmanaged, IBinaryInteger<T>
    {
        bool done = TryUpdate(Update.Add, address.Value, value, out T original, out fault);
        sum = done ? unchecked(original + value) : T.Zero;
        return done;
    }

    /// <summary>
    /// Keeps of a value the bits that another has set, as one sequentially consistent operation; the result is that of <see cref="Interlocked.And(ref long, long)"/>.
    /// </summary>
    /// <typeparam name="T">A type of 1, 2, 4 or 8 bytes; see <see cref="Read{T}(GuestAddress)"/> for what it may hold.</typeparam>
    /// <param name="address">The guest-physical address, naturally aligned.</param>
    /// <param name="value">The bits to keep.</param>
    /// <returns>What was there before.</returns>
    /// <inheritdoc cref="Exchange{T}(GuestAddress, T)" path="/exception"/>
    public T And<T>(GuestAddress address, T value)
        where T : unmanaged => UpdateOrThrow(Update.And, address.Value, value);

    /// <summary>
    /// Keeps the bits that another value has set; see <see cref="And{T}(GuestAddress, T)"/>. Neither throws nor allocates when memory cannot be written.
    /// </summary>
    /// <typeparam name="T">A type of 1, 2, 4 or 8 bytes.</typeparam>
    /// <param name="address">The guest-physical address, naturally aligned.</param>
    /// <param name="value">The bits to keep.</param>
    /// <param name="original">What was there before.</param>
    /// <param name="fault">Why the memory could not be written.</param>
    /// <returns>Whether it was done.</returns>
    /// <exception cref="NotSupportedException">The type is refused, or is not of 1, 2, 4 or 8 bytes.</exception>
    public bool TryAnd<T>(GuestAddress address, T value, out T original, out GuestMemoryFault fault)
        where T : unmanaged => TryUpdate(Update.And, address.Value, value, out original, out fault);

    /// <summary>
    /// Sets in a value the bits that another has set, as one sequentially consistent operation; the result is that of <see cref="Interlocked.Or(ref long, long)"/>.
    /// </summary>
    /// <typeparam name="T">A type of 1, 2, 4 or 8 bytes; see <see cref="Read{T}(GuestAddress)"/> for what it may hold.</typeparam>
    /// <param name="address">The guest-physical address, naturally aligned.</param>
    /// <param name="value">The bits to set.</param>
    /// <returns>What was there before.</returns>
    /// <inheritdoc cref="Exchange{T}(GuestAddress, T)" path="/exception"/>
    public T Or<T>(GuestAddress address, T value)
        where T : unmanaged => UpdateOrThrow(Update.Or, address.Value, value);

    /// <summary>Sets the bits that another value has set; see <see cref="Or{T}(GuestAddress, T)"/>. Neither throws nor allocates when memory cannot be written.</summary>
    /// <typeparam name="T">A type of 1, 2, 4 or 8 bytes.</typeparam>
    /// <param name="address">The guest-physical address, naturally aligned.</param>
    /// <param name="value">The bits to set.</param>
    /// <param name="original">What was there before.</param>
    /// <param name="fault">Why the memory could not be written.</param>
    /// <returns>Whether it was done.</returns>
    /// <exception cref="NotSupportedException">The type is refused, or is not of 1, 2, 4 or 8 bytes.</exception>
    public bool TryOr<T>(GuestAddress address, T value, out T original, out GuestMemoryFault fault)
        where T : unmanaged => TryUpdate(Update.Or, address.Value, value, out original, out fault);

    private T UpdateOrThrow<T>(Update update, ulong address, T value)
        where T : unmanaged
    {
        if (!TryUpdate(update, address, value, out T original, out GuestMemoryFault fault))
        {
            Throw(fault);
        }

        return original;
    }

    private bool TryUpdate<T>(Update update, ulong address, T value, out T original, out GuestMemoryFault fault)
        where T : unmanaged
    {
        // The first comparand is a guess, so that nothing is asked for but what a compare-exchange needs. Narrower types take the low bytes of a result.
        T comparand = default;
        while (true)
        {
            ulong before = Scalar.ToBits(comparand);
            ulong operand = Scalar.ToBits(value);
            ulong after = update switch
            {
                Update.Exchange => operand,
                Update.Add => unchecked(before + operand),
                Update.And => before & operand,
                _ => before | operand,
            };
            if (!TryCompareExchange(address, Scalar.FromBits<T>(after), comparand, out _, out original, out fault))
            {
                return false;
            }

            if (Scalar.ToBits(original) == before)
            {
                return true;
            }

            comparand = original;
        }
    }
}
