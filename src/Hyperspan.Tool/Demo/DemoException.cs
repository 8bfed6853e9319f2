namespace Hyperspan.Tool.Demo;

/// <summary>Something was not as it has to be: the demonstration has not verified.</summary>
internal sealed class DemoException(string message) : Exception(message);
