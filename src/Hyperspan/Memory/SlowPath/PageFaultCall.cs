namespace Hyperspan;

/// <summary>Asks a backing what to do about a fault.</summary>
internal struct PageFaultCall(AccessType access, FaultCause cause) : IBackingCall
{
    /// <summary>What it says; to fail, where it could not be asked.</summary>
    internal PageFaultActionKind Action;

    public BackingResult Invoke(GuestMemoryBacking backing, ulong offset, ulong length)
    {
        PageFaultAction answer = backing.OnPageFault(new PageFault(offset, length, access, cause == FaultCause.AccessBitmap, cause));
        Action = answer.Action;
        return Action == PageFaultActionKind.Fail ? BackingResult.Fail(answer.FaultKind, offset, answer.Exception) : BackingResult.Success;
    }
}
