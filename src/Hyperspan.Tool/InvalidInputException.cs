namespace Hyperspan.Tool;

/// <summary>Something that was given cannot be used. The message is one line.</summary>
internal sealed class InvalidInputException(string message, Exception? inner = null) : Exception(message, inner);
