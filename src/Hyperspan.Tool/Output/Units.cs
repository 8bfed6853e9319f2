using System.Globalization;

namespace Hyperspan.Tool.Output;

/// <summary>Numbers as people read them.</summary>
internal static class Units
{
    private static readonly string[] Binary = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

    /// <summary>Formats a number of bytes: <c>640 KiB</c>, <c>1.5 MiB</c>.</summary>
    internal static string Bytes(double bytes)
    {
        int unit = 0;
        while (bytes >= 1023.5 && unit < Binary.Length - 1)
        {
            bytes /= 1024;
            unit++;
        }

        // One decimal for small numbers, where it is not zero.
        bytes = Math.Round(bytes, 1);
        string format = bytes >= 100 || bytes == Math.Floor(bytes) ? "0" : "0.0";
        return bytes.ToString(format, CultureInfo.InvariantCulture) + " " + Binary[unit];
    }

    /// <summary>Formats bytes per second.</summary>
    internal static string ByteRate(double bytes, TimeSpan time) => Bytes(PerSecond(bytes, time)) + "/s";

    /// <summary>Formats a count with groups of three digits.</summary>
    internal static string Count(double count) => Math.Round(count).ToString("#,0", CultureInfo.InvariantCulture);

    /// <summary>Formats a count of things: <c>1 error</c>, <c>2,000 errors</c>.</summary>
    internal static string Things(long count, string one) => $"{Count(count)} {one}{(count == 1 ? "" : "s")}";

    /// <summary>Formats a duration: <c>12 ms</c>, <c>1.25 s</c>.</summary>
    internal static string Duration(TimeSpan time) => time.TotalSeconds >= 1
        ? time.TotalSeconds.ToString("0.00", CultureInfo.InvariantCulture) + " s"
        : time.TotalMilliseconds.ToString(time.TotalMilliseconds >= 10 ? "0" : "0.0", CultureInfo.InvariantCulture) + " ms";

    /// <summary>Gets a rate; zero where no time has passed.</summary>
    internal static double PerSecond(double amount, TimeSpan time) => time > TimeSpan.Zero ? amount / time.TotalSeconds : 0;
}
