using System.Globalization;

namespace Hyperspan.Tests.Resilience;

/// <summary>HYPERSPAN_LONG=1 makes storms last minutes and models run a million operations; otherwise both end within seconds.</summary>
internal static class LongRun
{
    internal static bool IsOn { get; } = Environment.GetEnvironmentVariable("HYPERSPAN_LONG") == "1";

    /// <summary>The time a child must end in.</summary>
    internal static TimeSpan Timeout => TimeSpan.FromMinutes(IsOn ? 20 : 6);

    internal static int Count(int few, int many) => IsOn ? many : few;

    internal static string Argument(double few, double many) => (IsOn ? many : few).ToString(CultureInfo.InvariantCulture);
}
