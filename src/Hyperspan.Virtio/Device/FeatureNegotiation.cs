using System.Globalization;

namespace Hyperspan.Virtio;

/// <summary>Which features a device offers and which of them the driver accepted (virtio 1.2, section 2.2). Immutable.</summary>
public readonly record struct FeatureNegotiation
{
    /// <summary>Initializes a new instance of the <see cref="FeatureNegotiation"/> struct with nothing accepted yet.</summary>
    /// <param name="offered">The features that the device offers.</param>
    public FeatureNegotiation(ulong offered)
    {
        Offered = offered;
    }

    /// <summary>Gets the features that the device offers.</summary>
    public ulong Offered { get; }

    /// <summary>Gets the features that the driver accepted.</summary>
    public ulong Acknowledged { get; private init; }

    /// <summary>Gets those of the accepted features that a queue needs to know.</summary>
    public VirtQueueFeatures QueueFeatures => VirtioFeatures.ForQueue(Acknowledged);

    /// <summary>Accepts features.</summary>
    /// <param name="features">What the driver wrote.</param>
    /// <param name="result">The negotiation with them accepted; unchanged on failure.</param>
    /// <param name="error">What is wrong with them, or <see langword="null"/>.</param>
    /// <returns>
    /// Whether the device can work with them: a subset of what was offered, with VIRTIO_F_VERSION_1 where that was offered, since a device without a legacy interface
    /// may refuse anything else (section 6.2).
    /// </returns>
    public bool TryAcknowledge(ulong features, out FeatureNegotiation result, out string? error)
    {
        ulong unknown = features & ~Offered;
        result = this;
        error = null;
        if (unknown != 0)
        {
            error = string.Create(CultureInfo.InvariantCulture, $"features 0x{unknown:x} were not offered");
        }
        else if ((Offered & ~features & VirtioFeatures.Version1) != 0)
        {
            error = "VIRTIO_F_VERSION_1 was not accepted";
        }
        else
        {
            result = this with { Acknowledged = features };
        }

        return error is null;
    }

    /// <summary>Tells whether the driver accepted a feature.</summary>
    /// <param name="feature">One bit, or several of which all are asked for.</param>
    /// <returns>Whether it did.</returns>
    public bool Has(ulong feature) => (Acknowledged & feature) == feature;
}
