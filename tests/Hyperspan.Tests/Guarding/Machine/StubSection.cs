namespace Hyperspan.Tests.Guarding.Machine;

internal sealed record StubSection(string Name, string FirstLabel, string Summary);
