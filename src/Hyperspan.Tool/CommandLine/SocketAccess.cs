using System.CommandLine.Parsing;
using System.Globalization;

namespace Hyperspan.Tool.CommandLine;

/// <summary>Reads who may use a socket.</summary>
internal static class SocketAccess
{
    private const string Groups = "/etc/group";

    internal static UnixFileMode? ParseMode(ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        if (text.Length is 3 or 4 && text.All(c => c is >= '0' and <= '7') && Convert.ToInt32(text, 8) is var mode && mode <= 0x1ff)
        {
            return (UnixFileMode)mode;
        }

        result.AddError($"--socket-mode: '{text}' is not a mode in octal from 000 to 0777, such as 0660.");
        return null;
    }

    internal static uint? ParseGroup(ArgumentResult result)
    {
        string text = result.Tokens[0].Value;

        // The highest number stands for "as it is".
        if (uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint number) && number != uint.MaxValue)
        {
            return number;
        }

        if (Find(text) is { } found)
        {
            return found;
        }

        result.AddError($"--socket-group: '{text}' is neither a number nor a group in {Groups}.");
        return null;
    }

    // group(5): name:password:number:members.
    private static uint? Find(string name)
    {
        try
        {
            foreach (string line in File.ReadLines(Groups))
            {
                string[] fields = line.Split(':');
                if (fields.Length >= 3
                    && string.Equals(fields[0], name, StringComparison.Ordinal)
                    && uint.TryParse(fields[2], NumberStyles.None, CultureInfo.InvariantCulture, out uint number))
                {
                    return number;
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A system without the file: numbers alone can be given.
        }

        return null;
    }
}
