namespace Hyperspan.Kvm;

/// <summary>What a processor is doing, with an interrupt controller in the kernel (<c>KVM_MP_STATE_…</c>).</summary>
public enum ProcessorActivity
{
    /// <summary>It executes instructions.</summary>
    Runnable = 0,

    /// <summary>It waits for INIT: an application processor at its start.</summary>
    Uninitialized = 1,

    /// <summary>It has had INIT and waits for a start-up message.</summary>
    InitReceived = 2,

    /// <summary>It has executed HLT and waits for an interrupt.</summary>
    Halted = 3,

    /// <summary>It has had the start-up message and is about to begin.</summary>
    StartupReceived = 4,
}
