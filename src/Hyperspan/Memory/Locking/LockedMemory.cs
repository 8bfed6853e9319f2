using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace Hyperspan;

/// <summary>
/// Guest memory that is locked: until this is disposed, what is mapped there and how it may be accessed does not change, so that the kernel or a device may work on it.
/// </summary>
/// <remarks>
/// <para>
/// A lock keeps its memory alive: a backing disposed meanwhile is released by the last lock. Locked pages refuse to be unmapped, protected or decommitted.
/// What a lock cannot prevent is another process truncating a file that both have mapped; the kernel then reports EFAULT for the page, and
/// <see cref="GuestMemory"/> a fault. Spans are handed out only over pages that this cannot happen to.
/// </para>
/// <para>Disposing is idempotent and safe from any thread; while a piece is pinned by an operation under way, the pages are unlocked when that ends.
/// One that is forgotten is unlocked by the garbage collector, some time after the last reference to it, its pieces and their pins has gone: addresses taken from
/// <see cref="Vectors"/> do not keep it.</para>
/// </remarks>
[DebuggerDisplay("{Access}: {Count} pieces, {Length} bytes")]
public sealed unsafe class LockedMemory : IDisposable
{
    private readonly HeldLocks _locks;
    private readonly GuestMemory _memory;
    private readonly IoVector[] _vectors;
    private readonly bool _spansAllowed;
    private readonly VectorsHold? _hold;
    private Memory<byte>[]? _writablePieces;
    private ReadOnlyMemory<byte>[]? _pieces;

    // Bit 31: disposed. The rest: pins. The pages are unlocked when the bit is set and the rest is zero.
    private int _state;

    internal LockedMemory(GuestMemory memory, HeldLocks locks, IoVector[] vectors, ulong length, AccessType access)
    {
        _memory = memory;
        _locks = locks;
        _vectors = vectors;
        Length = length;
        Access = access;
        _spansAllowed = locks.AllowsSpans;
        if (access == AccessType.Write)
        {
            _hold = new VectorsHold(memory, vectors);
            _hold.Enter();
        }
    }

    /// <summary>Finalizes an instance of the <see cref="LockedMemory"/> class: one that was forgotten, pinned or not, unlocks its pages.</summary>
    ~LockedMemory()
    {
        EndHold();
        _locks.ReleaseForgotten();
    }

    /// <summary>Gets what the memory was locked for.</summary>
    public AccessType Access { get; }

    /// <summary>Gets the number of pieces: one a page where pages were locked by number, one a contiguous run where a range was.</summary>
    public int Count => _vectors.Length;

    /// <summary>Gets the length of all pieces in bytes.</summary>
    public ulong Length { get; }

    /// <summary>Gets a value indicating whether this has been disposed.</summary>
    public bool IsDisposed => Volatile.Read(ref _state) < 0;

    /// <summary>
    /// Gets the pieces as the kernel takes them (readv, io_uring, vfio). Valid until this is disposed. Pages locked for reading are not to be written to.
    /// </summary>
    /// <exception cref="ObjectDisposedException">This has been disposed.</exception>
    public ReadOnlySpan<IoVector> Vectors
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            return _vectors;
        }
    }

    /// <summary>
    /// Gets the pieces as memory to read from, for <see cref="RandomAccess"/>, sockets and the like. Pinning a piece keeps the pages locked for as long; its span
    /// may be taken only where <see cref="AllowsSpans"/> is true.
    /// </summary>
    /// <exception cref="ObjectDisposedException">This has been disposed.</exception>
    /// <exception cref="NotSupportedException">A piece is larger than 2 GiB less a byte.</exception>
    public IReadOnlyList<ReadOnlyMemory<byte>> Pieces
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            return _pieces ??= Array.ConvertAll(AllPieces, static piece => (ReadOnlyMemory<byte>)piece);
        }
    }

    /// <summary>Gets the pieces as memory to write to, of a lock that was taken for writing; otherwise as <see cref="Pieces"/>.</summary>
    /// <exception cref="ObjectDisposedException">This has been disposed.</exception>
    /// <exception cref="InvalidOperationException">The memory was locked for reading.</exception>
    /// <exception cref="NotSupportedException">A piece is larger than 2 GiB less a byte.</exception>
    public IReadOnlyList<Memory<byte>> WritablePieces
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            return Access == AccessType.Write
                ? AllPieces
                : throw new InvalidOperationException("the memory was locked for reading: lock it for writing to write to it");
        }
    }

    /// <summary>
    /// Gets a value indicating whether the pieces may be accessed as spans: no other process can take the pages away while they are locked.
    /// Where not, pieces can still be handed to the kernel.
    /// </summary>
    public bool AllowsSpans => _spansAllowed;

    /// <summary>Unlocks the pages, now or when the last pin of a piece ends.</summary>
    [SuppressMessage("Usage", "CA1816", Justification = "With pins left it is not yet released: if they are forgotten, the finalizer does it.")]
    public void Dispose()
    {
        if (Interlocked.Or(ref _state, int.MinValue) == 0)
        {
            Release();
        }
    }

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

    /// <summary>Ends a pin. Whoever takes the state to "disposed, no pins" unlocks; nothing leaves that state.</summary>
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

    [SuppressMessage("Usage", "CA1816", Justification = "The one place that releases, called by the disposal or by the last pin's end.")]
    private void Release()
    {
        GC.SuppressFinalize(this);
        EndHold();
        _locks.Release();
        GC.KeepAlive(_memory);
    }

    /// <summary>What was locked for writing counts as written now.</summary>
    private void EndHold()
    {
        _hold?.Tell(isHeld: false);
        _hold?.Leave();
    }

    private Memory<byte>[] AllPieces => _writablePieces ??= MakePieces();

    private Memory<byte>[] MakePieces()
    {
        var pieces = new Memory<byte>[_vectors.Length];
        for (int i = 0; i < pieces.Length; i++)
        {
            if (_vectors[i].Length > int.MaxValue)
            {
                throw new NotSupportedException($"piece {i} has 0x{_vectors[i].Length:x} bytes; a Memory<byte> holds at most 0x7fffffff");
            }

            pieces[i] = new LockedMemoryManager(this, _vectors[i]).Memory;
        }

        return pieces;
    }
}
