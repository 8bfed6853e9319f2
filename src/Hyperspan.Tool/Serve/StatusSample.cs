using Hyperspan.Tool.Output;

namespace Hyperspan.Tool.Serve;

/// <summary>What a server did lately.</summary>
/// <param name="Connected">Whether a front end is there.</param>
/// <param name="Connections">How many there have been.</param>
/// <param name="RequestRate">Requests per second.</param>
/// <param name="ByteRate">Bytes per second.</param>
/// <param name="Errors">How many errors there have been.</param>
internal readonly record struct StatusSample(bool Connected, long Connections, double RequestRate, double ByteRate, long Errors)
{
    /// <summary>Makes one line, in shorter words where there is little room.</summary>
    internal string ToLine(int width)
    {
        string requests = Units.Count(RequestRate);
        string bytes = Units.Bytes(Math.Round(ByteRate));
        string state = Connected ? "connected" : "waiting";
        string[] forms =
        [
            $"{state}: {Units.Things(Connections, "connection")} so far, {requests} requests/s, {bytes}/s, {Units.Things(Errors, "error")}; Ctrl-C ends",
            $"{state} (#{Connections}), {requests} req/s, {bytes}/s, {Units.Things(Errors, "error")}",
            $"{(Connected ? "up" : "--")} #{Connections} {requests}/s {bytes}/s {Errors} err",
        ];
        return forms.FirstOrDefault(form => form.Length <= width) ?? forms[^1];
    }
}
