namespace Hyperspan;

/// <summary>No memory at all: every address is out of range. One for all, never disposed.</summary>
internal sealed class EmptyMemory : GuestMemoryBacking
{
    private EmptyMemory()
    {
    }

    internal static EmptyMemory Instance { get; } = new();

    /// <inheritdoc/>
    public override ulong Length => 0;

    /// <inheritdoc/>
    public override FaultBehavior FaultBehavior => FaultBehavior.Never;

    internal override bool MakesSubranges => false;

    /// <inheritdoc/>
    public override string Name => "empty";
}
