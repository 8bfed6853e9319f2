namespace Hyperspan.TestHost.Model;

/// <summary>The memory did something else than the model.</summary>
public sealed class ModelFailureException(string message) : Exception(message);
