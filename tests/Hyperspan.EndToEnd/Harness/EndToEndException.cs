namespace Hyperspan.EndToEnd.Harness;

/// <summary>The guest, its machine or a back end did not do what the scenario needs.</summary>
internal class EndToEndException(string message) : Exception(message);
