namespace Hyperspan;

/// <summary>The system's policy on memory that is promised and not there (<c>/proc/sys/vm/overcommit_memory</c>, proc(5)).</summary>
internal static class Overcommit
{
    /// <summary>
    /// Gets a value indicating whether promises are counted (mode 2). Pages of a memory file are then charged at their first access,
    /// which ends in SIGBUS where the limit is reached. Unknown counts as no: without /proc nobody has set it either.
    /// </summary>
    internal static bool IsStrict
    {
        get
        {
            if (!OperatingSystem.IsLinux())
            {
                return false;
            }

            try
            {
                return File.ReadAllText("/proc/sys/vm/overcommit_memory").AsSpan().Trim() is "2";
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return false;
            }
        }
    }
}
