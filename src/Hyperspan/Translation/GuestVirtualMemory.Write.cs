using System.Runtime.CompilerServices;
using Hyperspan.Streaming;

namespace Hyperspan.Translation;

/// <content>Writing.</content>
public sealed partial class GuestVirtualMemory
{
    /// <summary>What each page written is to permit: as what is read, but writing.</summary>
    private VirtualAccess WriteAccess => (_access & ~VirtualAccess.User) == VirtualAccess.None ? _access : (_access & VirtualAccess.User) | VirtualAccess.Write;

    /// <summary>Writes bytes.</summary>
    /// <param name="virtualAddress">The guest-virtual address of the first.</param>
    /// <param name="source">The bytes.</param>
    /// <exception cref="GuestTranslationException">Some could not be written; those before them have been.</exception>
    public void Write(ulong virtualAddress, ReadOnlySpan<byte> source)
    {
        if (!TryWrite(virtualAddress, source, out TranslationFault fault))
        {
            throw new GuestTranslationException(fault);
        }
    }

    /// <summary>Writes a value.</summary>
    /// <typeparam name="T">Its type, as <see cref="GuestMemory"/> takes it.</typeparam>
    /// <param name="virtualAddress">The guest-virtual address.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="GuestTranslationException">It could not be written; of one that crosses pages, a part may have been.</exception>
    public void Write<T>(ulong virtualAddress, T value)
        where T : unmanaged
    {
        if (!TryWrite(virtualAddress, value, out TranslationFault fault))
        {
            throw new GuestTranslationException(fault);
        }
    }

    /// <summary>Writes bytes. Neither throws nor allocates.</summary>
    /// <param name="virtualAddress">The guest-virtual address of the first.</param>
    /// <param name="source">The bytes.</param>
    /// <param name="fault">Why not all could be written, with the lowest address that could not; the bytes before it have been.</param>
    /// <returns>Whether all were written.</returns>
    public bool TryWrite(ulong virtualAddress, ReadOnlySpan<byte> source, out TranslationFault fault)
    {
        fault = default;
        for (int done = 0; done < source.Length;)
        {
            if (!TryPiece(virtualAddress, done, source.Length, WriteAccess, out GuestTranslation translation, out int piece, out fault))
            {
                return false;
            }

            ReadOnlySpan<byte> part = source.Slice(done, piece);
            if (!Tables.Memory.TryWrite(translation.Address, part, out GuestMemoryFault memoryFault))
            {
                fault = FaultIn(virtualAddress + (ulong)done, piece, translation, memoryFault, out _);
                return false;
            }

            done += part.Length;
        }

        return true;
    }

    /// <summary>Writes a value. Within a page that is one access, as <see cref="GuestMemory"/> does it.</summary>
    /// <typeparam name="T">Its type.</typeparam>
    /// <param name="virtualAddress">The guest-virtual address.</param>
    /// <param name="value">The value.</param>
    /// <param name="fault">Why it could not be written.</param>
    /// <returns>Whether it was written.</returns>
    public bool TryWrite<T>(ulong virtualAddress, T value, out TranslationFault fault)
        where T : unmanaged
    {
        // Looked at first: padding is not to be written, wherever the value lies.
        ReadOnlySpan<byte> bytes = StreamingSteps.Bytes(ref value);
        if (!Tables.TryTranslate(virtualAddress, WriteAccess, out GuestTranslation translation, out fault))
        {
            return false;
        }

        if (Remainder(virtualAddress, translation) >= (ulong)Unsafe.SizeOf<T>())
        {
            if (Tables.Memory.TryWrite(translation.Address, value, out GuestMemoryFault memoryFault))
            {
                return true;
            }

            fault = Fault(virtualAddress, translation, memoryFault);
            return false;
        }

        return TryWrite(virtualAddress, bytes, out fault);
    }
}
