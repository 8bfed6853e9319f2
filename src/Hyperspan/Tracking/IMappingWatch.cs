namespace Hyperspan;

/// <summary>
/// The system's record of which pages of a backing's mapping are written, by whomever. What was written before it began counts as written until <see cref="Take"/> has
/// been called once. For one thread at a time.
/// </summary>
internal interface IMappingWatch : IDisposable
{
    /// <summary>Marks what has been written since the last time. No write is lost. Does nothing once the backing is disposed.</summary>
    void Take(DirtyMap marks);
}
