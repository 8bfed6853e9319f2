namespace Hyperspan.Tests.Infrastructure;

/// <summary>A test of parts of files among other memory on Windows, and skipped where that is not there.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FilePartsFactAttribute : SkippableFactAttribute
{
    public FilePartsFactAttribute()
    {
        if (!OperatingSystem.IsWindows())
        {
            Skip = "needs Windows";
        }
        else if (HyperspanEnvironment.WhyNot(HyperspanAbility.MappedFileParts) is { } reason)
        {
            Skip = reason;
        }
    }
}
