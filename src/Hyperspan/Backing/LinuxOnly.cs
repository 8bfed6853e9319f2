namespace Hyperspan;

/// <summary>The guard at the door of everything that needs Linux.</summary>
internal static class LinuxOnly
{
    /// <summary>Checks for the system; <paramref name="what"/> names what was asked for.</summary>
    /// <exception cref="PlatformNotSupportedException">This is not 64-bit Linux.</exception>
    internal static void Require(string what)
    {
        if (!OperatingSystem.IsLinux() || nint.Size != 8)
        {
            throw new PlatformNotSupportedException(
                $"{what} needs 64-bit Linux (mmap, memfd, seals). On this system HeapBacking works, and backings of your own.");
        }
    }
}
