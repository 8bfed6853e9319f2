namespace Hyperspan;

/// <summary>Why a fast path has not done a copy, and how much of it is done all the same and need not be done again.</summary>
internal readonly struct CopyObstacle(Obstacle obstacle, ulong done = 0)
{
    internal Obstacle Obstacle => obstacle;

    internal ulong Done => done;

    public static implicit operator CopyObstacle(Obstacle obstacle) => new(obstacle);
}
