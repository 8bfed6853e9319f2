using Hyperspan.TestHost.Scenarios;

namespace Hyperspan.TestHost;

/// <summary>Every scenario there is.</summary>
public static class ScenarioRegistry
{
    public static IReadOnlyList<IScenario> All { get; } =
    [
        new InlinedFaultStormScenario(),
        new InlinedReadScenario(),
        new GuardDescriptionScenario(),
        new GuardRefusedScenario(),
        new InterruptedAccessScenario(),
        new GuardFaultStormScenario(),
        new GuardForeignFaultScenario(),
        new MemoryDisposeScenario(),
        new MemoryFaultsScenario(),
        new MemoryStormScenario(),
        new ModelScenario(),
        new UserFaultScenario(),
        new GuardRestartableLitmusScenario(),
        new BarrierScenario(),
        new KeepAliveScenario(),
        new SignalStackScenario(),
        new BlockedSignalsScenario(),
        new ZeroBytesScenario(),
        new SnapshotKillScenario(),
        new HostileFilesScenario(),
        new OnDemandScenario(),
        new LiveSaveScenario(),
        new PageClientScenario(),
        new ManyMappingsScenario(),
        new UnmapScenario(),
        new VhostUserLimitsScenario(),
        new ConversationsScenario(),
        new RefusedStatusScenario(),
        new SectionPeerScenario(),
        new NestedCallsScenario(),
    ];
}
