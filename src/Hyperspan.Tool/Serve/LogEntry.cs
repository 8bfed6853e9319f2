namespace Hyperspan.Tool.Serve;

/// <summary>What is to be written to the log.</summary>
/// <param name="Time">When it happened, in UTC.</param>
/// <param name="Text">One line.</param>
/// <param name="IsError">Whether it is an error.</param>
/// <param name="IsStatus">Whether it replaces the status line.</param>
internal readonly record struct LogEntry(DateTime Time, string Text, bool IsError, bool IsStatus);
