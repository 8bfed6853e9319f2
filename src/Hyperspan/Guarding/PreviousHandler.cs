namespace Hyperspan.Guarding;

/// <summary>What handled a signal before this library's handler, as the machine code reads it.</summary>
/// <param name="Address">The handler.</param>
/// <param name="Mode">Zero if there is one to be called; else what is to be done instead.</param>
internal readonly record struct PreviousHandler(ulong Address, ulong Mode);
