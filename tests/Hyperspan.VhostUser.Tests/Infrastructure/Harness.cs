using System.Net.Sockets;

namespace Hyperspan.VhostUser.Tests;

/// <summary>A back end on one end of a socket pair, and a front end on the other.</summary>
internal sealed class Harness : IDisposable
{
    private readonly Task<VhostUserEvent> _run;
    private readonly CancellationTokenSource _cancellation = new();
    private readonly EventLog _log;

    internal Harness(TestDevice? device = null, VhostUserOptions? options = null, EventLog? log = null)
    {
        Device = device ?? new TestDevice();
        _log = log ?? new EventLog();
        options ??= new VhostUserOptions();
        (Socket backEnd, Socket frontEnd) = VhostUserSocketPair.Create();
        Connection = new VhostUserConnection(backEnd, Device, new VhostUserOptions
        {
            OnEvent = _log.Add,
            FeatureMask = options.FeatureMask,
            ProtocolFeatureMask = options.ProtocolFeatureMask,
            MaximumMemorySlots = options.MaximumMemorySlots,
            MaximumMemory = options.MaximumMemory,
            MessageTimeout = options.MessageTimeout,
            StopTimeout = options.StopTimeout,
            AllowBlockingMemory = options.AllowBlockingMemory,
            OfferAddressTranslation = options.OfferAddressTranslation,
            OfferQueueReset = options.OfferQueueReset,
            TranslationTimeout = options.TranslationTimeout,
        });
        FrontEnd = new VhostUserFrontEnd(frontEnd, Patience);
        _run = Connection.RunAsync(_cancellation.Token);
    }

    /// <summary>Longer than anything takes on a busy machine; what waits so long has failed.</summary>
    internal static TimeSpan Patience => TimeSpan.FromMinutes(2);

    internal TestDevice Device { get; }

    internal VhostUserConnection Connection { get; }

    internal VhostUserFrontEnd FrontEnd { get; }

    internal EventLog Log => _log;

    /// <summary>Waits until the back end has ended by itself.</summary>
    internal VhostUserEvent End()
    {
        _run.Wait(Patience).ShouldBeTrue("the back end goes on");
        return _run.Result;
    }

    internal VhostUserEvent Cancel()
    {
        _cancellation.Cancel();
        return End();
    }

    public void Dispose()
    {
        FrontEnd.Dispose();
        _cancellation.Cancel();
        _run.Wait(Patience).ShouldBeTrue("the back end goes on");
        _cancellation.Dispose();
        Device.LiveHandlers.ShouldBe(0);
    }

    /// <summary>Waits for what another thread does.</summary>
    internal static void Eventually(Func<bool> condition, string what) =>
        SpinWait.SpinUntil(condition, Patience).ShouldBeTrue(what);
}
