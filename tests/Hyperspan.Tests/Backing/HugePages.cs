using System.Globalization;

namespace Hyperspan.Tests.Backing;

/// <summary>More huge pages for one test, and as many as before afterwards.</summary>
internal sealed class HugePages : IDisposable
{
    private const string Pool = "/sys/kernel/mm/hugepages/hugepages-2048kB";
    private readonly string _before = File.ReadAllText(Pool + "/nr_hugepages").Trim();

    internal ulong FreeAtStart { get; private set; }

    internal static ulong Free => Read(Pool, "free_hugepages");

    internal static ulong Read(string pool, string file) => ulong.Parse(File.ReadAllText($"{pool}/{file}"), CultureInfo.InvariantCulture);

    public void Dispose() => File.WriteAllText(Pool + "/nr_hugepages", _before);

    internal static HugePages Raise(ulong pages)
    {
        Skip.IfNot(Directory.Exists(Pool), "no huge pages of 2 MiB on this system");
        Skip.IfNot(Environment.IsPrivilegedProcess, "raising the pool of huge pages needs root");
        HugePages raised = new();
        try
        {
            File.WriteAllText(Pool + "/nr_hugepages", (Read(Pool, "nr_hugepages") + pages).ToString(CultureInfo.InvariantCulture));
            Skip.If(Free < pages, "the system could not provide huge pages");
            raised.FreeAtStart = Free;
            return raised;
        }
        catch (Exception e)
        {
            raised.Dispose();
            Skip.If(e is UnauthorizedAccessException or IOException, "the pool of huge pages is read-only");
            throw;
        }
    }
}
