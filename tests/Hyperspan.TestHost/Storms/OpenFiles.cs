using System.Globalization;
using System.Runtime.InteropServices;

namespace Hyperspan.TestHost.Storms;

/// <summary>The open files of this process and how many there may be.</summary>
internal static unsafe partial class OpenFiles
{
    private const int LimitOfFiles = 7;

    /// <summary>Counts them without a collection, but for those that the runtime opens when it loads code.</summary>
    internal static int Count() => Directory.GetFileSystemEntries("/proc/self/fd").Count(path => new FileInfo(path).LinkTarget?.EndsWith(".dll", StringComparison.Ordinal) != true);

    /// <summary>Counts the mappings of memory files, but for those in which the runtime keeps code.</summary>
    internal static int CountMappings() => File.ReadLines("/proc/self/maps")
        .Count(line => line.Contains("/memfd:", StringComparison.Ordinal) && !line.Contains("doublemapper", StringComparison.Ordinal));

    /// <summary>Lets so many more be opened, and no others, until it is disposed.</summary>
    internal static IDisposable Allow(int more)
    {
        var limit = new Limit();
        int highest = Directory.GetFileSystemEntries("/proc/self/fd").Max(path => int.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture));

        // No number below the highest stays free. The list that was just read had one itself.
        while (true)
        {
            int descriptor = Duplicate(0);
            limit.Fillers.Add(descriptor);
            if (descriptor >= highest)
            {
                break;
            }
        }

        limit.Set((ulong)(limit.Fillers[^1] + 1 + more));
        return limit;
    }

    [LibraryImport("libc", EntryPoint = "dup")]
    private static partial int Duplicate(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static partial int GetLimit(int resource, ulong* softAndHard);

    [LibraryImport("libc", EntryPoint = "setrlimit")]
    private static partial int SetLimit(int resource, ulong* softAndHard);

    private sealed class Limit : IDisposable
    {
        private ulong _before;

        internal List<int> Fillers { get; } = [];

        public void Dispose()
        {
            Set(_before);
            Fillers.ForEach(descriptor => _ = Close(descriptor));
        }

        internal void Set(ulong count)
        {
            // SAFETY: struct rlimit is two numbers of 8 bytes.
            ulong* limits = stackalloc ulong[2];
            _ = GetLimit(LimitOfFiles, limits);
            _before = limits[0];
            limits[0] = count;
            _ = SetLimit(LimitOfFiles, limits);
        }
    }
}
