namespace Hyperspan;

/// <summary>Where in a memory a view lies.</summary>
/// <param name="Memory">The memory.</param>
/// <param name="Start">The address of the view's first byte there.</param>
internal sealed record ShownPlace(GuestMemory Memory, ulong Start);
