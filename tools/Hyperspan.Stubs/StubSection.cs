namespace Hyperspan.Stubs;

/// <summary>A part of the image: the label it starts at, and what is in it.</summary>
internal sealed record StubSection(string FirstLabel, string Summary);
