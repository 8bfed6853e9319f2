namespace Hyperspan.Tests;

/// <summary>A test of Windows, and skipped elsewhere. There it is run by <c>PlatformTests</c>, under Wine.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class WindowsFactAttribute : SkippableFactAttribute
{
    public WindowsFactAttribute()
    {
        if (!OperatingSystem.IsWindows())
        {
            Skip = "needs Windows";
        }
    }
}
