namespace Hyperspan;

/// <summary>What is to happen after <see cref="GuestMemoryBacking.OnPageFault"/>: fail, retry, or use the fallback method.</summary>
public readonly struct PageFaultAction
{
    private PageFaultAction(PageFaultActionKind action, GuestMemoryFaultKind faultKind = default, Exception? exception = null)
    {
        Action = action;
        FaultKind = faultKind;
        Exception = exception;
    }

    /// <summary>Gets the action that repeats the access: the handler has made the page accessible.</summary>
    /// <remarks>A handler that asks for it again and again while the access gets no further is stopped with <see cref="GuestMemoryFaultKind.RetryLimit"/>.</remarks>
    public static PageFaultAction Retry => new(PageFaultActionKind.Retry);

    /// <summary>Gets the action that serves the rest of the access by the backing's fallback method.</summary>
    public static PageFaultAction Fallback => new(PageFaultActionKind.Fallback);

    internal PageFaultActionKind Action { get; }

    internal GuestMemoryFaultKind FaultKind { get; }

    internal Exception? Exception { get; }

    /// <summary>Returns the action that fails the access.</summary>
    /// <param name="kind">The kind that the fault gets.</param>
    /// <param name="exception">The cause, kept in the fault; it is not thrown. One kept in a static field makes refusals free of allocation.</param>
    /// <returns>The action.</returns>
    public static PageFaultAction Fail(GuestMemoryFaultKind kind, Exception? exception = null) =>
        new(PageFaultActionKind.Fail, kind == GuestMemoryFaultKind.None ? GuestMemoryFaultKind.Other : kind, exception);

    /// <summary>Says what the action is: <c>Retry</c>, <c>Fallback</c>, or how it fails.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => Action == PageFaultActionKind.Fail ? $"Fail: {FaultKind}" : Action.ToString();
}
