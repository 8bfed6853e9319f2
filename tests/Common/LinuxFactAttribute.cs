namespace Hyperspan.Tests;

/// <summary>A test that needs Linux, and is skipped elsewhere. It may also skip itself.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class LinuxFactAttribute : SkippableFactAttribute
{
    public LinuxFactAttribute()
    {
        if (!OperatingSystem.IsLinux())
        {
            Skip = "needs Linux";
        }
    }
}
