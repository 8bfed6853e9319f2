using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace Hyperspan;

/// <summary>
/// Guest memory that is pinned: until this is disposed, what is mapped there and how it may be accessed does not change, so that the kernel or a device may work on it.
/// </summary>
/// <remarks>
/// <para>
/// A pin keeps its memory alive: a backing disposed meanwhile is released by the last pin. Pinned pages refuse to be unmapped, protected or decommitted.
/// What a pin cannot prevent is another process truncating a file that both have mapped; the kernel then reports EFAULT for the page, and
/// <see cref="GuestMemory"/> a fault. Spans are handed out only over pages that this cannot happen to.
/// </para>
/// <para>Disposing is idempotent and safe from any thread; while a piece is pinned by an operation under way, the pages are unpinned when that ends.
/// One that is forgotten is unpinned by the garbage collector, some time after the last reference to it, its pieces and their pins has gone: addresses taken from
/// <see cref="Vectors"/> do not keep it.</para>
/// </remarks>
[DebuggerDisplay("{Access}: {Count} pieces, {Length} bytes")]
public sealed unsafe class PinnedMemory : IDisposable
{
    private const nuint MaxPiece = 1 << 30;

    private readonly OwnedPins _pins;
    private readonly GuestMemory _memory;

    // Of the pins, which give it to others when they have ended.
    private readonly IoVector[] _vectors;
    private Memory<byte>[]? _pieces;
    private ReadOnlyMemory<byte>[]? _readOnlyPieces;

    // Bit 31: disposed. The rest: pins. The pages are unpinned when the bit is set and the rest is zero.
    private int _state;

    internal PinnedMemory(GuestMemory memory, OwnedPins pins, IoVector[] vectors, int count, ulong length, AccessType access)
    {
        _memory = memory;
        _pins = pins;
        (_vectors, Count) = length <= MaxPiece ? (vectors, count) : Cut(vectors, count);
        Length = length;
        Access = access;
        IsReadable = pins.IsReadable;
        AllowsSpans = pins.AllowsSpans && pins.IsReadable;
        if (access == AccessType.Write)
        {
            pins.Hold(new VectorsHold(memory, _vectors, Count));
        }
    }

    /// <summary>Gets what the memory was pinned for.</summary>
    public AccessType Access { get; }

    /// <summary>Gets the number of pieces: one a page where pages were pinned by number, one a contiguous run of at most 1 GiB where a range was.</summary>
    public int Count { get; }

    /// <summary>Gets the length of all pieces in bytes.</summary>
    public ulong Length { get; }

    /// <summary>Gets a value indicating whether this has been disposed.</summary>
    public bool IsDisposed => Volatile.Read(ref _state) < 0;

    /// <summary>
    /// Gets the pieces as the kernel takes them (readv, io_uring, vfio). Valid until this is disposed. Pages pinned for reading are not to be written to.
    /// </summary>
    /// <exception cref="ObjectDisposedException">This has been disposed.</exception>
    public ReadOnlySpan<IoVector> Vectors
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            return _vectors.AsSpan(0, Count);
        }
    }

    /// <summary>
    /// Gets the pieces as memory to read from, for <see cref="RandomAccess"/>, sockets and the like. Pinning a piece keeps the pages pinned for as long; its span
    /// may be taken only where <see cref="AllowsSpans"/> is true.
    /// </summary>
    /// <exception cref="ObjectDisposedException">This has been disposed.</exception>
    /// <exception cref="InvalidOperationException">A page may be written but not read: see <see cref="IsReadable"/>.</exception>
    public IReadOnlyList<ReadOnlyMemory<byte>> ReadOnlyPieces
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            return _readOnlyPieces ??= Array.ConvertAll(AllPieces, static piece => (ReadOnlyMemory<byte>)piece);
        }
    }

    /// <summary>Gets the pieces as memory to read from and write to, of what was pinned for writing; otherwise as <see cref="ReadOnlyPieces"/>.</summary>
    /// <exception cref="ObjectDisposedException">This has been disposed.</exception>
    /// <exception cref="InvalidOperationException">The memory was pinned for reading, or a page may be written but not read: see <see cref="IsReadable"/>.</exception>
    public IReadOnlyList<Memory<byte>> Pieces
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            return Access == AccessType.Write
                ? AllPieces
                : throw new InvalidOperationException("the memory was pinned for reading: pin it for writing to write to it");
        }
    }

    /// <summary>Gets the one piece of what was pinned for writing: most ranges are contiguous in the host; otherwise as <see cref="Pieces"/>.</summary>
    /// <exception cref="ObjectDisposedException">This has been disposed.</exception>
    /// <exception cref="InvalidOperationException">There are several pieces, the memory was pinned for reading, or a page may be written but not read.</exception>
    public Memory<byte> Memory => One(Pieces);

    /// <summary>Gets the one piece to read from: most ranges are contiguous in the host; otherwise as <see cref="ReadOnlyPieces"/>.</summary>
    /// <exception cref="ObjectDisposedException">This has been disposed.</exception>
    /// <exception cref="InvalidOperationException">There are several pieces, or a page may be written but not read.</exception>
    public ReadOnlyMemory<byte> ReadOnlyMemory => One(ReadOnlyPieces);

    /// <summary>Gets the one piece of what was pinned for writing as a span, valid until this is disposed.</summary>
    /// <exception cref="ObjectDisposedException">This has been disposed.</exception>
    /// <exception cref="InvalidOperationException">
    /// There are several pieces, the memory was pinned for reading, or another process can take pages away: see <see cref="AllowsSpans"/>.
    /// </exception>
    public Span<byte> Span => Memory.Span;

    /// <summary>
    /// Gets the host address of the one piece, or null where the range is empty: for the kernel and for native code. Valid until this is disposed, which it does not
    /// hold up. What was pinned for reading is not to be written to, and where <see cref="AllowsSpans"/> is false an access of this process may end it.
    /// </summary>
    /// <exception cref="ObjectDisposedException">This has been disposed.</exception>
    /// <exception cref="InvalidOperationException">There are several pieces: see <see cref="Vectors"/>.</exception>
    [SuppressMessage("Naming", "CA1720", Justification = "The name that MemoryHandle gives it.")]
    public byte* Pointer
    {
        get
        {
            ReadOnlySpan<IoVector> vectors = Vectors;
            return vectors.Length switch
            {
                1 => (byte*)vectors[0].Address,
                0 => null,
                _ => throw SeveralPieces(),
            };
        }
    }

    /// <summary>
    /// Gets a value indicating whether all pages may be read. Where one that was pinned for writing may not, because its region or its access bitmap permits writing
    /// alone, there are <see cref="Vectors"/> for the kernel to write to, and no pieces: whoever holds a <see cref="Memory{T}"/> can read it.
    /// </summary>
    public bool IsReadable { get; }

    /// <summary>
    /// Gets a value indicating whether the pieces may be accessed as spans: no other process can take the pages away while they are pinned.
    /// Where not, pieces can still be handed to the kernel.
    /// </summary>
    public bool AllowsSpans { get; }

    /// <summary>Unpins the pages, now or when the last pin of a piece ends.</summary>
    public void Dispose()
    {
        if (Interlocked.Or(ref _state, int.MinValue) == 0)
        {
            Release();
        }
    }

    private T One<T>(IReadOnlyList<T> pieces) => pieces.Count switch
    {
        1 => pieces[0],
        0 => default!,
        _ => throw SeveralPieces(),
    };

    private InvalidOperationException SeveralPieces() => new($"the range is {Count} pieces of host memory: go through them all");

    /// <summary>Adds a pin, in one step with the look whether this has been disposed: one that is refused was never counted.</summary>
    internal void AddPin()
    {
        int state = Volatile.Read(ref _state);
        while (true)
        {
            ObjectDisposedException.ThrowIf(state < 0, this);
            int seen = Interlocked.CompareExchange(ref _state, checked(state + 1), state);
            if (seen == state)
            {
                return;
            }

            state = seen;
        }
    }

    /// <summary>Ends a pin. Whoever takes the state to "disposed, no pins" unpins; nothing leaves that state.</summary>
    internal void RemovePin()
    {
        int state = Volatile.Read(ref _state);
        while (true)
        {
            if ((state & int.MaxValue) == 0)
            {
                throw new InvalidOperationException("the piece is not pinned as often as it is to be unpinned");
            }

            int seen = Interlocked.CompareExchange(ref _state, state - 1, state);
            if (seen == state)
            {
                break;
            }

            state = seen;
        }

        if (state - 1 == int.MinValue)
        {
            Release();
        }
    }

    private void Release()
    {
        _pins.End();
        GC.KeepAlive(_memory);
    }

    /// <summary>Cuts what is longer than 1 GiB, so that each piece is one that a <see cref="Memory{T}"/> can hold and one call of the kernel takes.</summary>
    private static (IoVector[] Vectors, int Count) Cut(IoVector[] vectors, int count)
    {
        ReadOnlySpan<IoVector> whole = vectors.AsSpan(0, count);
        var cut = new List<IoVector>(count);
        foreach (IoVector vector in whole)
        {
            for (nuint done = 0; done < vector.Length; done += MaxPiece)
            {
                // SAFETY: what is added stays below the length of what is pinned there.
                cut.Add(new IoVector((byte*)vector.Address + done, Math.Min(MaxPiece, vector.Length - done)));
            }
        }

        return ([.. cut], cut.Count);
    }

    private Memory<byte>[] AllPieces => _pieces ??= IsReadable
        ? Array.ConvertAll(Vectors.ToArray(), vector => new PinnedMemoryManager(this, vector).Memory)
        : throw new InvalidOperationException("a page may be written but not read: hand the vectors to the kernel, or use GuestMemory");
}
