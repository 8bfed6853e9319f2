namespace Hyperspan;

/// <summary>Looks for a place in what is sorted.</summary>
internal static class SortedSearch
{
    /// <summary>Finds the first item whose key is not below a value; the number of items where there is none.</summary>
    internal static int FirstNotBelow<T>(ReadOnlySpan<T> items, ulong value, Func<T, ulong> keyOf)
    {
        int low = 0;
        int high = items.Length;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            (low, high) = keyOf(items[middle]) < value ? (middle + 1, high) : (low, middle);
        }

        return low;
    }
}
