namespace Hyperspan.Devices;

/// <summary>A doorbell event that calls a method.</summary>
internal sealed class CallbackDoorbellEvent(Action callback) : DoorbellEvent
{
    public override void Signal() => callback();
}
