namespace Hyperspan.Tests;

/// <summary>A test of systems where there is the portable part alone, and skipped on those that have more.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PortableFactAttribute : SkippableFactAttribute
{
    public PortableFactAttribute()
    {
        if (OperatingSystem.IsLinux() || OperatingSystem.IsWindows())
        {
            Skip = "Linux and Windows have more";
        }
    }
}
