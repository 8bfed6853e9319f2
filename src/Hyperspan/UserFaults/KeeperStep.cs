namespace Hyperspan.UserFaults;

/// <summary>What the machine code that keeps pages does.</summary>
internal enum KeeperStep
{
    /// <summary>It registers and protects.</summary>
    Arm = 1,

    /// <summary>It waits for a fault.</summary>
    Serve = 2,

    /// <summary>It writes a page to a slot.</summary>
    Keep = 3,

    /// <summary>It lifts the protection of a page, or puts one in place.</summary>
    Lift = 4,
}
