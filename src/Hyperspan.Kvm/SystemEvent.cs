namespace Hyperspan.Kvm;

/// <summary>What a guest asks of the whole machine (<c>KVM_SYSTEM_EVENT_…</c>).</summary>
public enum SystemEvent
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Power off.</summary>
    Shutdown = 1,

    /// <summary>Start again.</summary>
    Reset = 2,

    /// <summary>It has crashed.</summary>
    Crash = 3,
}
