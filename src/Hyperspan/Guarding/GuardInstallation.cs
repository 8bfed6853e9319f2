using Hyperspan.Interop.Linux;

namespace Hyperspan.Guarding;

/// <summary>
/// Decides once how this process guards its accesses, and puts the machine code and the signal handlers in place.
/// </summary>
internal sealed unsafe class GuardInstallation
{
    /// <summary>Forces the substitute when set, for tests and for hosts that would rather have no signal handler.</summary>
    public const string SubstituteSwitch = "Hyperspan.Guard.Substitute";

    /// <summary>The same as an environment variable; its value is <c>substitute</c>.</summary>
    public const string EnvironmentVariable = "HYPERSPAN_GUARD";

    private const int Attempts = 8;

    private readonly byte* _code;

    private GuardInstallation(byte* code, bool isSupported, string description, bool hasRestartableSequences = false)
    {
        _code = code;
        HasRestartableSequences = hasRestartableSequences;
        IsSupported = isSupported;
        Description = description;
    }

    /// <summary>Whether the machine code of this process has been installed so far. Asking installs nothing.</summary>
    public static bool HasCode { get; private set; }

    /// <summary>Where the image lies; null where there is none.</summary>
    public byte* Code => _code;

    public bool IsSupported { get; }

    public string Description { get; }

    /// <summary>The least length of a copy that is left to the processor's string operation.</summary>
    public ulong RepeatFrom { get; } = ProcessorFeatures.RepeatCopyFrom;

    /// <summary>Whether the image has sequences that this process could register the barrier for.</summary>
    public bool HasRestartableSequences { get; }

    public static GuardInstallation Install()
    {
        if (!(OperatingSystem.IsLinux() || OperatingSystem.IsWindows()) || !StubCode.IsSupported)
        {
            return new(null, isSupported: false, "guarded access needs Linux on x86-64 or arm64, or Windows on x86-64");
        }

        if (OperatingSystem.IsWindows())
        {
            return InstallOnWindows();
        }

        var reason = ForcedSubstitute();
        if (reason is null)
        {
            var obstacle = RestartableSequences.TryPrepare(out var area);
            reason = TryInstallMachineCode(area, out byte* code);
            if (reason is null)
            {
                HasCode = true;
                SignalMask.UnblockFaults();
                var description = obstacle is null ? "machine code" : "machine code, no restartable sequences: " + obstacle;
                return new(code, isSupported: true, description, hasRestartableSequences: obstacle is null);
            }
        }

        return SubstituteGuard.TryProbe(out var refusal)
            ? new(null, isSupported: true, "substitute by process_vm_readv: " + reason)
            : new(null, isSupported: false, $"no machine code: {reason}; no substitute: {refusal}");
    }

    private static GuardInstallation InstallOnWindows()
    {
        byte* code = null;
        var reason = ForcedSubstitute() ?? VectoredHandler.TryInstall(out code);
        HasCode = reason is null;
        return reason is null
            ? new(code, isSupported: true, "machine code")
            : new(null, isSupported: false, $"no machine code: {reason}; no substitute: there is none on Windows");
    }

    private static string? ForcedSubstitute()
    {
        if (AppContext.TryGetSwitch(SubstituteSwitch, out var forced) && forced)
        {
            return "the switch " + SubstituteSwitch + " is set";
        }

        return string.Equals(Environment.GetEnvironmentVariable(EnvironmentVariable), "substitute", StringComparison.Ordinal)
            ? "the environment variable " + EnvironmentVariable + " is set"
            : null;
    }

    private static string? TryInstallMachineCode(long restartableArea, out byte* code)
    {
        code = null;
        if (!SignalChain.TryRead(LinuxConstants.SIGSEGV, out SignalAction segv) ||
            !SignalChain.TryRead(LinuxConstants.SIGBUS, out SignalAction bus))
        {
            return "the signal handlers cannot be read";
        }

        nint expectedSegv = segv.Handler, expectedBus = bus.Handler;
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            byte[] image = StubCode.Complete(SignalChain.Previous(segv), SignalChain.Previous(bus), restartableArea);
            byte* page = ExecutablePage.TryCreate(image, StubCode.AddressWords);
            if (page is null)
            {
                return "executable pages are refused";
            }

            var handler = (nint)(page + StubCode.HandlerOffset);
            if (!SignalChain.TryReplace(LinuxConstants.SIGSEGV, segv, handler, out SignalAction replacedSegv))
            {
                return "the handler of SIGSEGV cannot be replaced";
            }

            if (!SignalChain.TryReplace(LinuxConstants.SIGBUS, bus, handler, out SignalAction replacedBus))
            {
                return "the handler of SIGBUS cannot be replaced";
            }

            code = page;
            if (replacedSegv.Handler == expectedSegv && replacedBus.Handler == expectedBus)
            {
                return null;
            }

            // Somebody else installed a handler between the reading and the replacing: chain to that one, from a new page,
            // because this one may already be in use. Ours below it is harmless.
            segv = replacedSegv.Handler == expectedSegv ? segv : replacedSegv;
            bus = replacedBus.Handler == expectedBus ? bus : replacedBus;
            expectedSegv = expectedBus = handler;
        }

        // Whoever keeps replacing handlers is chained to as of the last attempt.
        return null;
    }
}
