namespace Hyperspan.VhostUser;

/// <summary>What the front end has said about one ring, and the worker that serves it while it is started. Used by the thread of the connection alone.</summary>
internal sealed class Ring(int index) : IDisposable
{
    internal int Index { get; } = index;

    /// <summary>Gets or sets the number of descriptors; zero until it is known.</summary>
    internal ushort Size { get; set; }

    /// <summary>Gets or sets where it goes on, while the ring is stopped, as the front end has it: see <see cref="VringBase"/>.</summary>
    internal uint Base { get; set; }

    internal RingPlace? Place { get; set; }

    internal bool Enabled { get; set; }

    /// <summary>Gets the events to signal. They outlive the workers: a ring that is stopped and started again keeps them.</summary>
    internal RingSignals Signals { get; } = new();

    /// <summary>Gets or sets the worker; <see langword="null"/> while the ring is stopped.</summary>
    internal RingWorker? Worker { get; set; }

    /// <summary>Whether its queue uses translations of a range, first and last address; see <see cref="RingWorker.Uses"/>.</summary>
    internal bool Uses(ulong first, ulong last) => Worker?.Uses(first, last) == true;

    /// <summary>Forgets everything but the index and the events to signal, which a front end sets once and not after each reset.</summary>
    internal void Reset() => (Size, Base, Place, Enabled) = (0, 0, null, false);

    public void Dispose() => Signals.Dispose();
}
