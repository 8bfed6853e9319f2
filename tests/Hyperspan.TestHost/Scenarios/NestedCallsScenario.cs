using Hyperspan.Devices;
using Hyperspan.Translation;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>
/// Handlers, doorbells, translators and fallbacks that access the very memory that called them, as those do whose guest says where: how deep is for the stack to say, which must
/// not end. On threads with the usual stack and with a small one.
/// </summary>
public sealed class NestedCallsScenario : IScenario, IAddressTranslator
{
    private const ulong Register = 0x1000;

    private TranslatedMemory? _translated;
    private bool _translates;
    private GuestMemoryFault _innermost;
    private int _depth;

    public string Name => "nested-calls";

    public int Run(string[] arguments)
    {
        foreach (int stack in new[] { 0, 128 << 10 })
        {
            int failures = 0;
            var thread = new Thread(() => failures = RunAll(), stack);
            thread.Start();
            thread.Join();
            if (failures != 0)
            {
                return ScenarioExit.Failure;
            }
        }

        return ScenarioExit.Success;
    }

    public bool TryTranslate(ulong address, out AddressTranslation translation)
    {
        translation = new AddressTranslation(address & ~4095UL, 0, 4096, Protection.ReadWrite);
        if (_translates)
        {
            Note(_translated!.Memory.TryRead(address, out ulong _, out GuestMemoryFault fault), fault);
        }

        return _translates;
    }

    public bool OnMiss(ulong address, AccessType access)
    {
        Note(_translated!.Memory.TryRead(address, out ulong _, out GuestMemoryFault fault), fault);
        return false;
    }

    private int RunAll()
    {
        var space = new DeviceAddressSpace("devices");
        space.AddHandler(
            new GuestRange(Register, 8),
            (_, _) => Note(space.TryRead(Register, out ulong _, out GuestMemoryFault fault), fault),
            (_, _) => Note(space.TryWrite(Register, 1UL, out GuestMemoryFault fault), fault),
            "dma");
        space.RegisterDoorbell(
            0x2000, null, null, DoorbellEvent.FromCallback(() => Note(space.TryWrite(0x2000, 1UL, out GuestMemoryFault fault), fault)));
        using GuestMemory ram = GuestMemory.Allocate(4096);
        using var translated = new TranslatedMemory(ram, this);
        _translated = translated;
        using var own = new GuestMemory(new OwnBacking(this), "own");
        return Try("read of a register", () => space.TryRead(Register, out ulong _, out _))
            + Try("write of a register", () => space.TryWrite(Register, 1UL, out _))
            + Try("doorbell", () => space.TryWrite(0x2000, 1UL, out _))
            + Try("fallback", () => own.TryRead(0, out ulong _))
            + Try("translation", () => translated.Memory.TryRead(8, out ulong _), translates: true)
            + Try("miss", () => translated.Memory.TryRead(0x4008, out ulong _));
    }

    private int Try(string what, Action access, bool translates = false)
    {
        _translates = translates;
        _innermost = default;
        _depth = 0;
        access();
        bool isRight = _innermost is { Kind: GuestMemoryFaultKind.Other, Exception: InsufficientExecutionStackException } && _depth >= 10;
        Console.WriteLine($"{what}: {_depth} deep, {_innermost}");
        return isRight ? 0 : 1;
    }

    /// <summary>The first that returns is the innermost.</summary>
    private void Note(bool succeeded, in GuestMemoryFault fault)
    {
        if (_depth++ == 0 && !succeeded)
        {
            _innermost = fault;
        }
    }

    private sealed unsafe class OwnBacking(NestedCallsScenario scenario) : GuestMemoryBacking
    {
        private GuestMemory? _memory;

        public override ulong Length => 4096;

        public override byte* Mapping => null;

        protected internal override BackingResult ReadFallback(ulong offset, Span<byte> destination)
        {
            _memory ??= new GuestMemory(this, "own");
            scenario.Note(_memory.TryRead(0, out ulong _, out GuestMemoryFault fault), fault);
            return default;
        }
    }
}
