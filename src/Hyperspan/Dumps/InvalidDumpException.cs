namespace Hyperspan.Dumps;

/// <summary>A file is no dump that can be read here, or contradicts itself. The message is one sentence that names the file.</summary>
public sealed class InvalidDumpException : IOException
{
    internal InvalidDumpException(string name, string reason)
        : base($"{name}: {reason}")
    {
    }
}
