using System.Globalization;

using Hyperspan.Interop.Linux;

namespace Hyperspan;

/// <summary>The system's pools of huge pages, one a size, for error messages that say what to do (kernel documentation, hugetlbpage).</summary>
internal static class HugePagePool
{
    internal static ulong BytesOf(HugePageSize size, string parameter = "size") => size switch
    {
        HugePageSize.None => PageMath.PageSize,
        HugePageSize.Size2MiB => 2UL << 20,
        HugePageSize.Size1GiB => 1UL << 30,
        _ => throw new ArgumentOutOfRangeException(parameter, size, "There is no such page size."),
    };

    /// <summary>What to add to an error met while memory on huge pages was made, or nothing where it has another reason.</summary>
    /// <param name="error">The error number.</param>
    /// <param name="size">The page size.</param>
    /// <param name="length">The length of the memory in bytes.</param>
    internal static string? Hint(int error, HugePageSize size, ulong length)
    {
        if (size == HugePageSize.None)
        {
            return null;
        }

        ulong bytes = BytesOf(size);
        string pool = string.Create(CultureInfo.InvariantCulture, $"/sys/kernel/mm/hugepages/hugepages-{bytes >> 10}kB");
        string pages = size == HugePageSize.Size2MiB ? "2 MiB" : "1 GiB";
        if (!Directory.Exists(pool))
        {
            return $"this system has no huge pages of {pages}";
        }

        if (error is not (ErrorNumber.NoMemory or ErrorNumber.NoSpace))
        {
            return null;
        }

        ulong needed = length / bytes;
        ulong free = Read(pool, "free_hugepages");
        ulong reserved = Read(pool, "resv_hugepages");
        ulong total = Read(pool, "nr_hugepages");
        ulong available = free > reserved ? free - reserved : 0;
        if (available >= needed)
        {
            return null;
        }

        // The file under /proc is about the default size, which is 2 MiB unless the kernel was started otherwise; the one under /sys always names its size.
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{needed} huge pages of {pages} are needed, {available} are free (pool of {total}, {reserved} reserved): "
            + $"write at least {total + needed - available} to {pool}/nr_hugepages as root");
    }

    private static ulong Read(string pool, string file)
    {
        try
        {
            return ulong.TryParse(File.ReadAllText($"{pool}/{file}"), NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out ulong value)
                ? value
                : 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return 0;
        }
    }
}
