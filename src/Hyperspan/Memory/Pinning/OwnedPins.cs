namespace Hyperspan;

/// <summary>
/// What a <see cref="PinnedMemory"/> owns: pins that are undone when it is forgotten. What has a finalizer is expensive to make, several times a pin, so each thread keeps
/// one for its next pin; only as long as nothing is pinned is there no owner.
/// </summary>
internal sealed class OwnedPins : HeldPins
{
    [ThreadStatic]
    private static OwnedPins? Spare;

    // The pieces of what is pinned, and of what is pinned next.
    private IoVector[] _vectors = [];
    private VectorList? _list;
    private WriteHold? _hold;

    private OwnedPins()
        : base(forSpans: true)
    {
    }

    /// <summary>Finalizes an instance of the <see cref="OwnedPins"/> class: pins that were forgotten are undone.</summary>
    ~OwnedPins()
    {
        _ = _hold?.TryTell();
        _hold?.Leave();
        ReleaseForgotten();
    }

    /// <summary>Takes one that holds nothing.</summary>
    internal static OwnedPins Take()
    {
        OwnedPins? spare = Spare;
        Spare = null;
        return spare ?? new OwnedPins();
    }

    /// <summary>Gets room for pieces, which is somebody else's as soon as this is given back. What is in it stays when there is to be more.</summary>
    internal IoVector[] Vectors(int count)
    {
        if (_vectors.Length < count)
        {
            Array.Resize(ref _vectors, count);
        }

        return _vectors;
    }

    /// <summary>Gets a list for pieces that are found one by one; empty.</summary>
    internal VectorList TakeList()
    {
        _list ??= new VectorList(1);
        _list.Clear();
        return _list;
    }

    /// <summary>Copies the pieces of the list to where they stay.</summary>
    internal IoVector[] Keep(VectorList list)
    {
        IoVector[] vectors = Vectors(list.Count);
        list.Span.CopyTo(vectors);
        return vectors;
    }

    /// <summary>Lists what is pinned for writing, until it is unpinned.</summary>
    internal void Hold(WriteHold hold)
    {
        hold.Enter();
        _hold = hold;
    }

    /// <summary>
    /// Unpins everything and gives this back: the caller forgets it, for somebody else may have it. The first exception of a backing is thrown when all is unpinned.
    /// </summary>
    internal void End()
    {
        try
        {
            EndHold();
        }
        finally
        {
            try
            {
                Release();
            }
            finally
            {
                GiveBack();
            }
        }
    }

    /// <summary>Unpins what was pinned before something failed, and gives this back.</summary>
    internal void Abandon()
    {
        EndHold();
        Undo(0);
        GiveBack();
    }

    /// <summary>What was pinned for writing counts as written now.</summary>
    private void EndHold()
    {
        if (_hold is { } hold)
        {
            _hold = null;
            try
            {
                hold.Tell(isHeld: false);
            }
            finally
            {
                hold.Leave();
            }
        }
    }

    private void GiveBack()
    {
        if (TryRenew() && _vectors.Length <= Batch && (_list is null || _list.Capacity <= Batch))
        {
            Spare = this;
        }
    }
}
