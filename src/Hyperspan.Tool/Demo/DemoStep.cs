namespace Hyperspan.Tool.Demo;

/// <summary>One thing that was done.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Requests">How many requests the guest made.</param>
/// <param name="Bytes">How many bytes of data they moved.</param>
/// <param name="Seconds">How long it took.</param>
/// <param name="Verified">Whether all of it was as it has to be.</param>
/// <param name="Detail">What it shows.</param>
internal sealed record DemoStep(string Name, long Requests, ulong Bytes, double Seconds, bool Verified, string Detail)
{
    internal TimeSpan Time => TimeSpan.FromSeconds(Seconds);
}
