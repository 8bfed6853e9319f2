using System.Diagnostics.CodeAnalysis;

namespace Hyperspan.Translation;

/// <content>The way of an access that the table does not serve: piece by piece, each translated and done while that translation is held.</content>
public sealed partial class TranslatedMemory
{
    // As for page-fault handlers: one that says so this often without the access getting any further is taken to make no progress.
    private const int MaxRetries = 1000;

    private static readonly InvalidOperationException InvalidTranslation =
        new("the translator gave a translation that is not of whole pages, does not have the address, or reaches past 2^64");

    /// <summary>Does an operation on a range, in the order of its addresses.</summary>
    /// <param name="memory">The memory that was accessed: <see cref="Memory"/> or a slice of it.</param>
    /// <param name="address">The address in it.</param>
    /// <param name="iova">The I/O virtual address of that.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="operation">What to do.</param>
    /// <param name="name">What the caller asked for.</param>
    /// <param name="range">The range that the caller asked for.</param>
    /// <param name="fault">Why it could not be done.</param>
    internal bool TryAccess<TOperation>(
        GuestMemory memory,
        ulong address,
        ulong iova,
        ulong length,
        ref TOperation operation,
        GuestMemoryOperation name,
        (ulong Start, ulong Length) range,
        out GuestMemoryFault fault)
        where TOperation : struct, IRegionOperation
    {
        int misses = 0;
        for (ulong done = 0; done < length;)
        {
            ulong piece;
            GuestMemoryFaultKind kind;
            Exception? exception;
            TranslationHolds.Hold hold = _holds.Enter();
            try
            {
                ulong generation = Volatile.Read(ref _generation);
                kind = LookUp(iova + done, operation.Access, out AddressTranslation translation, out exception);
                if (kind == GuestMemoryFaultKind.None)
                {
                    ulong within = iova + done - translation.Address;
                    ulong target = translation.Target.Value + within;
                    piece = Math.Min(length - done, translation.Length - within);
                    Remember(generation, iova + done, target, translation);
                    if (!SlowPath.Access(Target, target, piece, ref operation, name, out GuestMemoryFault met))
                    {
                        fault = met.Translated(memory.Name, name, address + done, target, range);
                        return false;
                    }

                    done += piece;
                    misses = 0;
                    continue;
                }
            }
            finally
            {
                _holds.Exit(hold);
            }

            if (!Resolve(iova + done, operation.Access, ref kind, ref exception, ref misses))
            {
                fault = Fault(memory, kind, exception, name, address + done, range);
                return false;
            }
        }

        fault = default;
        return true;
    }

    /// <summary>
    /// Pins a range by way of its translations and appends its pieces. What is pinned is noted before it is translated, and until it is unpinned: who takes a translation
    /// away afterwards waits. Nothing is held while a translation is waited for. Undoes all of it where it fails.
    /// </summary>
    internal bool TryPin(
        GuestMemory memory,
        TranslatedBacking backing,
        HeldPins pins,
        VectorList vectors,
        PartsHold? parts,
        ulong address,
        ulong iova,
        ulong length,
        AccessType access,
        out GuestMemoryFault fault)
    {
        int pinMark = pins.Mark;
        int partsMark = parts?.Mark ?? 0;
        VectorList.Position vectorMark = vectors.Mark;
        ulong firstPage = iova >> GuestAddress.PageShift;
        ulong pageCount = ((iova + (length - 1)) >> GuestAddress.PageShift) - firstPage + 1;
        int misses = 0;
        ulong furthest = 0;
        while (true)
        {
            ulong done = 0;
            GuestMemoryFaultKind kind = GuestMemoryFaultKind.None;
            Exception? exception = null;
            fault = default;
            bool pinned = false;
            try
            {
                pins.Note(backing, _pins, firstPage, pageCount);
                TranslationHolds.Hold hold = _holds.Enter();
                try
                {
                    while (done < length && !fault.IsFault)
                    {
                        kind = LookUp(iova + done, access, out AddressTranslation translation, out exception);
                        if (kind != GuestMemoryFaultKind.None)
                        {
                            break;
                        }

                        ulong within = iova + done - translation.Address;
                        ulong target = translation.Target.Value + within;
                        ulong piece = Math.Min(length - done, translation.Length - within);
                        if (!PinPath.TryPinInto(Target, pins, vectors, target, piece, access, out GuestMemoryFault met))
                        {
                            fault = met.Translated(memory.Name, GuestMemoryOperation.Pin, address + done, target, (address, length));
                            break;
                        }

                        parts?.Add(new IoPart(memory, address + done, piece, access, Target, target));
                        done += piece;
                    }
                }
                finally
                {
                    _holds.Exit(hold);
                }

                pinned = done == length;
                if (pinned)
                {
                    return true;
                }
            }
            finally
            {
                if (!pinned)
                {
                    parts?.ReturnTo(partsMark);
                    vectors.ReturnTo(vectorMark);
                    pins.Undo(pinMark);
                }
            }

            if (fault.IsFault)
            {
                return false;
            }

            misses = done > furthest ? 0 : misses;
            furthest = Math.Max(furthest, done);
            if (!Resolve(iova + done, access, ref kind, ref exception, ref misses))
            {
                fault = Fault(memory, kind, exception, GuestMemoryOperation.Pin, address + done, (address, length));
                return false;
            }
        }
    }

    private static GuestMemoryFault Fault(
        GuestMemory memory, GuestMemoryFaultKind kind, Exception? exception, GuestMemoryOperation name, ulong address, (ulong Start, ulong Length) range) =>
        new(memory.Name, name, kind, exception is null ? FaultCause.Translation : FaultCause.Exception, address, range, exception: exception);

    /// <summary>Asks the translator: none for a translation that permits the access, else what is wrong.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "Whatever a translator throws becomes the cause of the fault.")]
    private GuestMemoryFaultKind LookUp(ulong iova, AccessType access, out AddressTranslation translation, out Exception? exception)
    {
        exception = null;
        try
        {
            using var nested = NestedCall.Begin();
            if (!Translator.TryTranslate(iova, out translation))
            {
                return GuestMemoryFaultKind.NotTranslated;
            }
        }
        catch (Exception e)
        {
            translation = default;
            exception = e;
            return GuestMemoryFaultKind.Other;
        }

        if (!translation.IsValidFor(iova))
        {
            exception = InvalidTranslation;
            return GuestMemoryFaultKind.Other;
        }

        return translation.Permits(access) ? GuestMemoryFaultKind.None
            : access == AccessType.Write ? GuestMemoryFaultKind.ReadOnly
            : GuestMemoryFaultKind.Restricted;
    }

    /// <summary>Lets the translator do something about a miss, while nothing is held. Answers whether to look again; otherwise what is wrong is the fault.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "Whatever a translator throws becomes the cause of the fault.")]
    private bool Resolve(ulong iova, AccessType access, ref GuestMemoryFaultKind kind, ref Exception? exception, ref int misses)
    {
        if (exception is not null)
        {
            return false;
        }

        try
        {
            using var nested = NestedCall.Begin();
            if (!Translator.OnMiss(iova, access))
            {
                return false;
            }
        }
        catch (Exception e)
        {
            exception = e;
            kind = GuestMemoryFaultKind.Other;
            return false;
        }

        if (++misses <= MaxRetries)
        {
            return true;
        }

        kind = GuestMemoryFaultKind.RetryLimit;
        return false;
    }
}
