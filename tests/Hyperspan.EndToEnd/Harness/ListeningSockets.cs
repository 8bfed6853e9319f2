namespace Hyperspan.EndToEnd.Harness;

/// <summary>
/// The kernel's list of Unix sockets, so that no connection is spent on asking. That a name is there says less: it is from bind(2) on, and refuses until listen(2).
/// </summary>
internal static class ListeningSockets
{
    private const string AcceptsConnections = "00010000";

    internal static async Task<bool> ContainAsync(string path)
    {
        foreach (string line in await File.ReadAllLinesAsync("/proc/net/unix"))
        {
            string[] columns = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (columns.Length >= 8 && columns[7] == path && columns[3] == AcceptsConnections)
            {
                return true;
            }
        }

        return false;
    }
}
