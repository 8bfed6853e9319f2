using System.Globalization;

using Hyperspan.VhostUser;

using Spectre.Console;

namespace Hyperspan.Tool.Serve;

/// <summary>Log lines, and beneath them on a terminal one line that is rewritten. Any thread may write.</summary>
internal sealed class ServerLog
{
    private const string EraseLine = "\r\u001b[2K";

    private readonly Lock _gate = new();
    private readonly IAnsiConsole _console;
    private string _status = "";

    internal ServerLog(IAnsiConsole console)
    {
        _console = console;
        IsLive = console.Profile.Out.IsTerminal && console.Profile.Capabilities.Ansi;
    }

    /// <summary>Gets a value indicating whether there is a terminal that can show a status line.</summary>
    internal bool IsLive { get; }

    /// <summary>Gets the number of columns.</summary>
    internal int Width => _console.Profile.Width;

    /// <summary>Writes what happened.</summary>
    internal void Add(VhostUserEvent what) => Write(what.ToString(), what.IsError);

    /// <summary>Writes a line.</summary>
    internal void Write(string text, bool isError = false)
    {
        // What a guest has a hand in must not reach the terminal as anything but text, nor make two lines of one.
        string line = string.Concat(text.Select(c => char.IsControl(c) ? '?' : c));
        Guarded(() =>
        {
            if (!IsLive)
            {
                string time = DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
                _console.Profile.Out.Writer.WriteLine($"{time} {(isError ? "error " : "")}{line}");
                return;
            }

            Raw(EraseLine);
            string clock = DateTime.Now.ToString("HH:mm:ss", CultureInfo.InvariantCulture);
            _console.Write(new Paragraph(clock + " ", Color.Grey).Append(line, isError ? Color.Red : Style.Plain).Append(Environment.NewLine));
            Raw(_status);
        });
    }

    /// <summary>Rewrites the line at the bottom; an empty one removes it.</summary>
    internal void SetStatus(string text)
    {
        if (!IsLive)
        {
            return;
        }

        Guarded(() =>
        {
            // The last column stays free: some terminals go on to the next line once it is taken.
            _status = text.Length < Width ? text : text[..Math.Max(Width - 1, 0)];
            Raw(EraseLine + _status);
        });
    }

    private void Guarded(Action write)
    {
        lock (_gate)
        {
            try
            {
                write();
            }
            catch (IOException)
            {
                // The terminal has gone, or the disk with the log is full: no reason not to serve, nor not to end in order.
            }
        }
    }

    private void Raw(string text)
    {
        _console.Profile.Out.Writer.Write(text);
        _console.Profile.Out.Writer.Flush();
    }
}
