namespace Hyperspan.Tool.Doctor;

/// <summary>One thing that a machine may offer.</summary>
/// <param name="Id">Names it for programs; does not change from version to version.</param>
/// <param name="Title">Names it for people.</param>
/// <param name="Status">How it came out.</param>
/// <param name="Essential">Whether nothing works without it.</param>
/// <param name="Found">What was found.</param>
/// <param name="UsedFor">What it is used for.</param>
/// <param name="Remedy">How to get it, where it is not all there.</param>
internal sealed record Check(string Id, string Title, CheckStatus Status, bool Essential, string Found, string UsedFor, string? Remedy);
