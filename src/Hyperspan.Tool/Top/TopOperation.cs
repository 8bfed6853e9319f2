namespace Hyperspan.Tool.Top;

/// <summary>One kind of request to a disk.</summary>
/// <param name="Disk">The disk.</param>
/// <param name="Operation">What was asked for.</param>
/// <param name="Requests">Requests per second.</param>
/// <param name="Bytes">Bytes per second.</param>
/// <param name="Median">The time in seconds that half of them took at most; not a number where there were none.</param>
/// <param name="Slowest">The same for 99 of 100.</param>
/// <param name="Failed">How many have failed since the disk is served.</param>
internal sealed record TopOperation(string Disk, string Operation, double Requests, double Bytes, double Median, double Slowest, double Failed);
