namespace Hyperspan.Stubs;

/// <summary>An assembled program and the offset of each of its labels.</summary>
internal sealed record StubImage(byte[] Bytes, IReadOnlyDictionary<string, int> Labels);
