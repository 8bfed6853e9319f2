namespace Hyperspan.Translation;

/// <summary>Says where I/O virtual addresses lie: an IOMMU, as those who access memory behind it see it. See <see cref="TranslatedMemory"/>.</summary>
/// <remarks>
/// All members may be called from any thread, several at once. What they throw ends the access with a fault of kind <see cref="GuestMemoryFaultKind.Other"/> that carries it.
/// </remarks>
public interface IAddressTranslator
{
    /// <summary>Looks for the translation of an address.</summary>
    /// <param name="address">The I/O virtual address.</param>
    /// <param name="translation">
    /// The translation that has the address in it: as large as it is known to hold. Whole pages of 4096 bytes, on both sides; one that is not, or does not have the
    /// address, is a fault of kind <see cref="GuestMemoryFaultKind.Other"/>.
    /// </param>
    /// <returns>Whether there is one, whatever it permits.</returns>
    /// <remarks>
    /// Called while an access is under way that <see cref="TranslatedMemory.Invalidate(ulong, ulong, CancellationToken)"/> waits for: it must not wait for that, nor for
    /// anybody who may. What it says is remembered until it is invalidated.
    /// </remarks>
    bool TryTranslate(ulong address, out AddressTranslation translation);

    /// <summary>
    /// Called where there was no translation, or one that does not permit the access, before that becomes a fault. Nothing is held: it may wait for a translation to
    /// come. The default does nothing.
    /// </summary>
    /// <param name="address">The lowest I/O virtual address that is concerned.</param>
    /// <param name="access">What it is wanted for.</param>
    /// <returns>
    /// Whether to look again. An access that looks again a thousand times without getting any further ends with a fault of kind <see cref="GuestMemoryFaultKind.RetryLimit"/>.
    /// </returns>
    bool OnMiss(ulong address, AccessType access) => false;
}
