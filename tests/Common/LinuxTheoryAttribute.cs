namespace Hyperspan.Tests;

/// <summary>A theory that needs Linux, and is skipped elsewhere. It may also skip itself.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class LinuxTheoryAttribute : SkippableTheoryAttribute
{
    public LinuxTheoryAttribute()
    {
        if (!OperatingSystem.IsLinux())
        {
            Skip = "needs Linux";
        }
    }
}
