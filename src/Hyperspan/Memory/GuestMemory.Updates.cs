using System.Numerics;

namespace Hyperspan;

/// <content>Atomic updates: exchange, add, and, or. Each is one compare-exchange, repeated where another writer came first.</content>
public sealed unsafe partial class GuestMemory
{
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
    /// <exception cref="GuestMemoryException">
    /// The memory could not be written, or the address is misaligned; see <see cref="CompareExchange{T}(GuestAddress, T, T)"/>.
    /// </exception>
    /// <exception cref="NotSupportedException">The type is refused, or is not of 1, 2, 4 or 8 bytes.</exception>
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
    /// <exception cref="GuestMemoryException">
    /// The memory could not be written, or the address is misaligned; see <see cref="CompareExchange{T}(GuestAddress, T, T)"/>.
    /// </exception>
    /// <exception cref="NotSupportedException">The type is refused, or is not of 1, 2, 4 or 8 bytes.</exception>
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
    /// <exception cref="GuestMemoryException">
    /// The memory could not be written, or the address is misaligned; see <see cref="CompareExchange{T}(GuestAddress, T, T)"/>.
    /// </exception>
    /// <exception cref="NotSupportedException">The type is refused, or is not of 1, 2, 4 or 8 bytes.</exception>
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
