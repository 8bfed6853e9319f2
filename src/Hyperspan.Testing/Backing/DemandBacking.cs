namespace Hyperspan.Testing;

/// <summary>Memory in which a block of zeroed pages appears when one of them is touched, and can be taken away again.</summary>
/// <remarks>
/// Every first touch of a block is a fault that goes the whole way: signal, <see cref="GuestMemoryBacking.OnPageFault"/>, retry. To be derived from nothing and asked
/// anything from any thread. Linux only.
/// </remarks>
public sealed unsafe class DemandBacking : GuestMemoryBacking
{
    private readonly SparseBacking _pages;
    private readonly ulong _blockLength;
    private readonly ulong _appearing;
    private readonly Lock _lock = new();
    private readonly Dictionary<ulong, int> _locked = [];
    private long _faults;

    /// <summary>Initializes a new instance of the <see cref="DemandBacking"/> class, with no page in it.</summary>
    /// <param name="length">The length in bytes; a multiple of <paramref name="blockLength"/>.</param>
    /// <param name="blockLength">How many bytes appear at once: a power of two of at least 4096. On a system whose pages are larger, one of those at least.</param>
    /// <exception cref="ArgumentException">A length is not as it must be.</exception>
    /// <exception cref="PlatformNotSupportedException">This is not Linux on x86-64.</exception>
    public DemandBacking(ulong length, ulong blockLength = 4096)
    {
        if (!ulong.IsPow2(blockLength) || blockLength < (ulong)GuestAddress.PageSize)
        {
            throw new ArgumentException($"A block of {blockLength} bytes is not a power of two of at least {GuestAddress.PageSize}.", nameof(blockLength));
        }

        if (length % blockLength != 0)
        {
            throw new ArgumentException($"{length} bytes are not a number of blocks of {blockLength}.", nameof(length));
        }

        _pages = new SparseBacking(length);
        _blockLength = blockLength;
        _appearing = Math.Max(blockLength, (ulong)Environment.SystemPageSize);
    }

    /// <summary>
    /// Gets or sets what may refuse a fault: given the fault, it says with which kind of fault the access fails, or <see langword="null"/> to let the block appear.
    /// </summary>
    /// <remarks>Called on the accessing thread, by several at once where several fault.</remarks>
    public Func<PageFault, GuestMemoryFaultKind?>? Refusal { get; set; }

    /// <summary>Gets how many faults there have been, refused ones included.</summary>
    public long Faults => Volatile.Read(ref _faults);

    /// <inheritdoc/>
    public override ulong Length => _pages.Length;

    /// <inheritdoc/>
    public override byte* Mapping => _pages.Mapping;

    /// <inheritdoc/>
    public override string Name => "demand";

    /// <summary>Takes all of the memory away; each block faults again, and is zero then.</summary>
    /// <exception cref="InvalidOperationException">Pages are locked.</exception>
    public void Evict() => Evict(0, Length);

    /// <summary>Takes blocks away; each faults again, and is zero then.</summary>
    /// <param name="offset">The first byte; a multiple of the block length.</param>
    /// <param name="length">How many bytes; a multiple of the block length.</param>
    /// <exception cref="ArgumentException">They are not whole blocks of this memory.</exception>
    /// <exception cref="InvalidOperationException">Pages among them are locked.</exception>
    /// <exception cref="GuestMemoryMappingException">They are a part of a page of the system, whose pages are larger.</exception>
    public void Evict(ulong offset, ulong length)
    {
        if (((offset | length) & (_blockLength - 1)) != 0 || offset > Length || length > Length - offset)
        {
            throw new ArgumentException($"{length} bytes at {offset} are not whole blocks of this memory.", nameof(offset));
        }

        lock (_lock)
        {
            ulong first = offset / (ulong)GuestAddress.PageSize;
            if (_locked.Keys.Any(page => page - first < length / (ulong)GuestAddress.PageSize))
            {
                throw new InvalidOperationException("Pages are locked.");
            }

            _pages.Decommit(offset, length);
        }
    }

    /// <inheritdoc/>
    protected override PageFaultAction OnPageFault(in PageFault fault)
    {
        Interlocked.Increment(ref _faults);
        if (Refusal?.Invoke(fault) is { } kind)
        {
            return PageFaultAction.Fail(kind);
        }

        ulong start = fault.Offset & ~(_appearing - 1);
        ulong length = Math.Min(_appearing, Length - start);
        _pages.Commit(start, length);
        if (_blockLength > (ulong)GuestAddress.PageSize)
        {
            // All of the block by one call; otherwise each of its pages would enter the kernel again when it is touched.
            _pages.Prefault(start, length, AccessType.Write);
        }

        return PageFaultAction.Retry;
    }

    /// <inheritdoc/>
    protected override BackingResult PinPages(ReadOnlySpan<ulong> pageNumbers, AccessType access, out bool unpinRequired)
    {
        unpinRequired = true;
        lock (_lock)
        {
            foreach (ulong page in pageNumbers)
            {
                _locked[page] = _locked.GetValueOrDefault(page) + 1;
            }
        }

        return BackingResult.Success;
    }

    /// <inheritdoc/>
    protected override void UnpinPages(ReadOnlySpan<ulong> pageNumbers)
    {
        lock (_lock)
        {
            foreach (ulong page in pageNumbers)
            {
                if (--_locked[page] == 0)
                {
                    _locked.Remove(page);
                }
            }
        }
    }

    /// <inheritdoc/>
    protected override void Release() => _pages.Dispose();
}
