namespace Hyperspan;

/// <summary>The size of the pages, reserved from the system's pool, that shared memory is made of.</summary>
public enum HugePageSize : byte
{
    /// <summary>Ordinary pages.</summary>
    None,

    /// <summary>Huge pages of 2 MiB.</summary>
    Size2MiB,

    /// <summary>Huge pages of 1 GiB.</summary>
    Size1GiB,
}
