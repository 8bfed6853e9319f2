namespace Hyperspan.Tool.Demo;

/// <summary>The throughput of a step as shown beside its bar: a bar's state takes structures alone.</summary>
/// <param name="Text">The words, or <see langword="null"/> for none.</param>
internal readonly record struct Throughput(string? Text);
