using System.Collections.Concurrent;
using System.Globalization;

using Hyperspan.Tool.Output;

using Spectre.Console;

namespace Hyperspan.Tool.Serve;

/// <summary>Log lines, and beneath them on a terminal one line that is rewritten. Any thread may write, and none waits for whoever reads.</summary>
/// <remarks>
/// Lines go through a bounded queue to a thread of their own: what finds no room, or comes faster than a log is worth, is dropped and counted in the next line.
/// </remarks>
internal sealed class ServerLog : IDisposable
{
    private const string EraseLine = "\r\u001b[2K";
    private const int Capacity = 1024;
    private const int LongestLine = 4096;

    private static readonly TimeSpan DrainTime = TimeSpan.FromSeconds(1);

    private readonly BlockingCollection<LogEntry> _entries = new(Capacity);
    private readonly Thread _writer;
    private readonly IAnsiConsole _console;
    private readonly string _lineEnd;
    private string _status = "";
    private long _dropped;
    private bool _isStarted;

    /// <summary>Initializes a new instance of the <see cref="ServerLog"/> class.</summary>
    /// <param name="console">Where it is written.</param>
    /// <param name="isRaw">Whether a guest writes to the same terminal, which is raw: then lines alone are written, each with its own carriage return.</param>
    internal ServerLog(IAnsiConsole console, bool isRaw)
    {
        _console = console;
        IsLive = console.Profile.Out.IsTerminal && console.Profile.Capabilities.Ansi && !isRaw;
        _lineEnd = isRaw && console.Profile.Out.IsTerminal ? "\r\n" : Environment.NewLine;
        Width = console.Profile.Width;
        _writer = new Thread(WriteEntries) { IsBackground = true, Name = "log" };
    }

    /// <summary>Gets a value indicating whether there is a terminal that can show a status line.</summary>
    internal bool IsLive { get; }

    /// <summary>Gets the number of columns.</summary>
    internal int Width { get; }

    /// <summary>Has lines written from now on, also those of before. Once, and not earlier than sockets listen: they are not to wait for a thread.</summary>
    internal void Start()
    {
        _isStarted = true;
        _writer.Start();
    }

    /// <summary>Counts a line that is not worth writing.</summary>
    internal void Drop() => Interlocked.Increment(ref _dropped);

    /// <summary>Writes a line.</summary>
    internal void Write(string text, bool isError = false)
    {
        // What a guest has a hand in must not reach the terminal as anything but text, nor make two lines of one.
        string line = Printable.Of(text.Length > LongestLine ? text[..LongestLine] : text);
        if (!TryAdd(new LogEntry(DateTime.UtcNow, line, isError, IsStatus: false)))
        {
            Drop();
        }
    }

    /// <summary>Rewrites the line at the bottom; an empty one removes it.</summary>
    internal void SetStatus(string text)
    {
        if (IsLive)
        {
            // The last column stays free: some terminals go on to the next line once it is taken.
            TryAdd(new LogEntry(default, text.Length < Width ? text : text[..Math.Max(Width - 1, 0)], IsError: false, IsStatus: true));
        }
    }

    /// <summary>Has what is queued written, as far as it is read within a second. Later lines are dropped.</summary>
    public void Dispose()
    {
        _entries.CompleteAdding();
        if (!_isStarted)
        {
            Start();
        }

        _writer.Join(DrainTime);
    }

    private bool TryAdd(LogEntry entry)
    {
        try
        {
            return _entries.TryAdd(entry);
        }
        catch (InvalidOperationException)
        {
            // Closed.
            return false;
        }
    }

    private void WriteEntries()
    {
        foreach (LogEntry entry in _entries.GetConsumingEnumerable())
        {
            WriteDropped();
            Guarded(entry);
        }

        WriteDropped();
    }

    private void WriteDropped()
    {
        long dropped = Interlocked.Exchange(ref _dropped, 0);
        if (dropped != 0)
        {
            Guarded(new LogEntry(DateTime.UtcNow, string.Create(CultureInfo.InvariantCulture, $"log: {dropped} lines left out"), IsError: true, IsStatus: false));
        }
    }

    private void Guarded(LogEntry entry)
    {
        try
        {
            Print(entry);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The terminal has gone, or the disk with the log is full: no reason not to serve, nor not to end in order.
        }
    }

    private void Print(LogEntry entry)
    {
        if (entry.IsStatus)
        {
            _status = entry.Text;
            Raw(EraseLine + _status);
        }
        else if (!IsLive)
        {
            string time = entry.Time.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
            _console.Profile.Out.Writer.Write($"{time} {(entry.IsError ? "error " : "")}{entry.Text}{_lineEnd}");
            _console.Profile.Out.Writer.Flush();
        }
        else
        {
            Raw(EraseLine);
            string clock = entry.Time.ToLocalTime().ToString("HH:mm:ss", CultureInfo.InvariantCulture);
            _console.Write(new Paragraph(clock + " ", Color.Grey).Append(entry.Text, entry.IsError ? Color.Red : Style.Plain).Append(Environment.NewLine));
            Raw(_status);
        }
    }

    private void Raw(string text)
    {
        _console.Profile.Out.Writer.Write(text);
        _console.Profile.Out.Writer.Flush();
    }
}
