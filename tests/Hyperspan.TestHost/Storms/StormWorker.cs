namespace Hyperspan.TestHost.Storms;

/// <summary>What one thread of a storm does over and over to the world of the day, and what came of it.</summary>
internal abstract class StormWorker(string name, StormCrew crew, int seed)
{
    public string Name { get; } = name;

    /// <summary>What succeeded.</summary>
    public long Done { get; private set; }

    /// <summary>What failed as it may.</summary>
    public long Refused { get; private set; }

    protected Random Random { get; } = new(seed);

    public abstract void Work(StormWorld world);

    /// <summary>Counts a success, unless it is one that cannot be.</summary>
    protected void Succeeded(string what, bool right)
    {
        Done++;
        if (!right)
        {
            crew.Fail($"{Name}, {what}: found what was never written, or did what it must not");
        }
    }

    /// <summary>Counts a failure, unless it is one that cannot be.</summary>
    protected void Failed(string what, in GuestMemoryFault fault, bool writes)
    {
        Refused++;
        if (!StormWorld.Explains(fault, writes))
        {
            crew.Fail($"{Name}, {what}: {fault.Kind}, {fault.Cause}: {fault}");
        }
    }

    /// <summary>Counts a failure of an operation on the backing.</summary>
    protected void Failed() => Refused++;

    protected ulong Address(int length) => (ulong)Random.NextInt64((long)StormWorld.Length - length + 1);

    /// <summary>Mostly a few bytes, now and then more than a page.</summary>
    protected int Size() => 1 + (Random.Next(3) == 0 ? Random.Next(5000) : Random.Next(40));
}
