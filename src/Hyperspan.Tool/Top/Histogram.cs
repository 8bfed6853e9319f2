namespace Hyperspan.Tool.Top;

/// <summary>Counts of values up to each bound, the bounds rising to infinity.</summary>
internal static class Histogram
{
    /// <summary>Estimates the value that a part of all does not exceed, as if values lay evenly between two bounds.</summary>
    /// <param name="buckets">Bounds, each with how many values are not above it.</param>
    /// <param name="part">The part, from 0 to 1.</param>
    /// <returns>The value; the largest finite bound where it lies above that; not a number where there are no values.</returns>
    internal static double Quantile(ReadOnlySpan<(double Bound, double Count)> buckets, double part)
    {
        if (buckets.IsEmpty || buckets[^1].Count <= 0)
        {
            return double.NaN;
        }

        double rank = part * buckets[^1].Count;
        (double Bound, double Count) below = (0, 0);
        foreach ((double Bound, double Count) bucket in buckets)
        {
            if (bucket.Count >= rank && bucket.Count > below.Count)
            {
                return double.IsPositiveInfinity(bucket.Bound)
                    ? below.Bound
                    : below.Bound + ((bucket.Bound - below.Bound) * (rank - below.Count) / (bucket.Count - below.Count));
            }

            below = bucket;
        }

        return below.Bound;
    }
}
