using System.Text;

namespace Hyperspan.Tool.Output;

/// <summary>Standard output whose errors say that it is standard output that cannot be written. A pipe that nobody reads any more is no error: .NET says nothing of it.</summary>
internal sealed class StandardOutput : TextWriter
{
    private readonly TextWriter _writer;

    private StandardOutput(TextWriter writer)
        : base(writer.FormatProvider) => _writer = writer;

    public override Encoding Encoding => _writer.Encoding;

    /// <summary>Puts it in the place of the console's own.</summary>
    internal static void Install() => Console.SetOut(new StandardOutput(Console.Out));

    public override void Write(char value) => Do(value, static (writer, value) => writer.Write(value));

    public override void Write(string? value) => Do(value, static (writer, value) => writer.Write(value));

    public override void Write(char[] buffer, int index, int count) =>
        Do((buffer, index, count), static (writer, part) => writer.Write(part.buffer, part.index, part.count));

    public override void Write(ReadOnlySpan<char> buffer)
    {
        try
        {
            _writer.Write(buffer);
        }
        catch (IOException e)
        {
            throw Named(e);
        }
    }

    public override void WriteLine() => Do(0, static (writer, _) => writer.WriteLine());

    public override void WriteLine(string? value) => Do(value, static (writer, value) => writer.WriteLine(value));

    public override void Flush() => Do(0, static (writer, _) => writer.Flush());

    private static IOException Named(IOException e) => new($"standard output cannot be written: {e.Message}", e);

    private void Do<T>(T value, Action<TextWriter, T> write)
    {
        try
        {
            write(_writer, value);
        }
        catch (IOException e)
        {
            throw Named(e);
        }
    }
}
