namespace Hyperspan.EndToEnd.Harness;

/// <summary>The guest's kernel or one of its programs touched memory that is not what it was.</summary>
internal sealed class GuestCrashException(string message) : EndToEndException(message);
