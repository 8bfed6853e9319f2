using System.Globalization;
using System.Text.RegularExpressions;
using Hyperspan.Tests.Infrastructure;

namespace Hyperspan.Tests.Performance;

/// <summary>How much machine code an inlined access adds to its caller, counted from the JIT's own listing. A bound, never a time.</summary>
[Trait("Category", "slow")]
public sealed partial class CodeSizeTests
{
    /// <summary>
    /// Bytes of a method that is nothing but one access. What was measured is about two thirds of it; the access paths once had 1420 bytes, when a way around
    /// the guard that nobody takes was compiled into every caller.
    /// </summary>
    private const int MostBytes = 384;

    [SkippableTheory]
    [InlineData("MeasuredRead")]
    [InlineData("MeasuredWrite")]
    [InlineData("MeasuredExchange")]
    public void Inlined_access_stays_small(string method)
    {
        Skip.IfNot(OperatingSystem.IsLinux() && Environment.Is64BitProcess);

        // The last listing of the method in its final tier, which the JIT comes to when it has the time.
        Match last = ListingWithin("150") ?? ListingWithin("2000") ?? ListingWithin("10000") ?? throw new InvalidOperationException("never optimized");
        int.Parse(last.Groups["bytes"].Value, CultureInfo.InvariantCulture).ShouldBeLessThanOrEqualTo(MostBytes, last.Value);

        // The way that memory which cannot fault takes: up to the first return there is no call.
        string straight = last.Value[..last.Value.IndexOf(" ret ", StringComparison.Ordinal)];
        straight.ShouldNotContain(" call ");

        Match? ListingWithin(string milliseconds)
        {
            using var listing = new TemporaryFile(0);
            ChildResult child = ChildProcess.Run(
                "inlined-read",
                [milliseconds],
                new Dictionary<string, string>(StringComparer.Ordinal)
                {
                    ["DOTNET_JitStdOutFile"] = listing.Path,
                    ["DOTNET_JitDisasm"] = method,
                });
            child.ExitCode.ShouldBe(0, child.ToString());
            return Listing().Matches(File.ReadAllText(listing.Path)).LastOrDefault(match => match.Groups["tier"].Value == "Tier1");
        }
    }

    [GeneratedRegex(
        @"; Assembly listing for method [^\n]*\((?<tier>[^()\n]*)\)\n.*?; Total bytes of code (?<bytes>\d+)",
        RegexOptions.Singleline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 5000)]
    private static partial Regex Listing();
}
