using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;

namespace Hyperspan.Kvm;

/// <content>All of a processor's state at once.</content>
public sealed unsafe partial class VirtualProcessor
{
    private const uint TimeStampCounter = 0x10;
    private const uint DeadlineRegister = 0x6e0;

    // What two starts of one machine differ by, in parts per million: clocks of guests make up for it.
    private const uint FrequencyTolerance = 250;

    /// <summary>
    /// Saves the state: all registers, the local APIC where there is one, events on their way, what CPUID answers. Between two runs; what the guest was doing when it left is
    /// finished by the run that ended with <see cref="KvmExitKind.Interrupted"/>.
    /// </summary>
    /// <returns>The state, for <see cref="RestoreState"/> of a processor with the same number, on a machine with such processors.</returns>
    /// <exception cref="InvalidOperationException">The processor is running.</exception>
    /// <exception cref="KvmException">The kernel refused.</exception>
    public byte[] SaveState()
    {
        var state = new StateWriter();
        bool hasApic = _partition.HasInterruptController;
        if (hasApic)
        {
            // First: the kernel takes start-up messages that wait into the registers.
            state.Add(StateItem.Activity, (uint)GetActivity());
        }

        state.Add(StateItem.Registers, GetRegisters());
        state.Add(StateItem.SpecialRegisters, GetSpecialRegisters());
        state.Add(StateItem.ExtendedState, GetExtendedState());
        state.Add(StateItem.ExtendedControlRegisters, MemoryMarshal.AsBytes<ExtendedControlRegister>(GetExtendedControlRegisters()));
        state.Add(StateItem.DebugRegisters, GetDebugRegisters());
        if (hasApic)
        {
            state.Add(StateItem.LocalApic, GetLocalApic());
        }

        state.Add(StateItem.ModelSpecificRegisters, MemoryMarshal.AsBytes<ModelSpecificRegister>(CollectModelSpecificRegisters()));
        state.Add(StateItem.Events, GetEvents());
        state.Add(StateItem.TimeStampFrequency, (uint)Request(KvmRequest.GetTscKhz, null, "KVM_GET_TSC_KHZ"));
        state.Add(StateItem.Cpuid, GetCpuid());
        return state.ToArray();
    }

    /// <summary>Restores the state, before the first run of a new processor.</summary>
    /// <param name="state">What <see cref="SaveState"/> gave.</param>
    /// <exception cref="InvalidStateException">It is damaged, or of a processor that this one cannot be.</exception>
    /// <exception cref="InvalidOperationException">The processor is running.</exception>
    /// <exception cref="KvmException">The kernel refused a part, which the message names.</exception>
    public void RestoreState(ReadOnlyMemory<byte> state)
    {
        var reader = new StateReader($"processor {Id}", state);
        if (reader.Has(StateItem.LocalApic) != _partition.HasInterruptController)
        {
            throw new InvalidStateException($"the state of processor {Id} is one {(_partition.HasInterruptController ? "without" : "with")} a local APIC");
        }

        SetCpuid(reader);
        SetFrequency(reader.Value<uint>(StateItem.TimeStampFrequency));
        if (_partition.HasInterruptController)
        {
            SetActivity((ProcessorActivity)reader.Value<uint>(StateItem.Activity));
        }

        SetRegisters(reader.Value<GeneralRegisters>(StateItem.Registers));
        SetSpecialRegisters(reader.Value<SpecialRegisters>(StateItem.SpecialRegisters));
        SetExtendedState(reader.Bytes(StateItem.ExtendedState, _partition.Capabilities.ExtendedStateLength));
        ExtendedControlRegister[] control = reader.Values<ExtendedControlRegister>(StateItem.ExtendedControlRegisters);
        SetExtendedControlRegisters(control.Length <= 16 ? control : throw reader.Damaged(StateItem.ExtendedControlRegisters));
        SetDebugRegisters(reader.Value<DebugRegisters>(StateItem.DebugRegisters));

        // After the special registers, in which the base address of the APIC is; before the model-specific ones, of which one is its deadline.
        if (_partition.HasInterruptController)
        {
            SetLocalApic(reader.Value<LocalApicState>(StateItem.LocalApic));
        }

        SetModelSpecificRegisters(reader.Values<ModelSpecificRegister>(StateItem.ModelSpecificRegisters));
        SetEvents(reader.Value<ProcessorEvents>(StateItem.Events));
    }

    /// <summary>Tells the guest's clock that it was stopped: its watchdog need not bark. Where the guest has none, nothing.</summary>
    internal void AnnouncePause()
    {
        try
        {
            Request(KvmRequest.KvmClockControl, null, "KVM_KVMCLOCK_CTRL");
        }
        catch (KvmException)
        {
            // A guest that does not use it.
        }
    }

    /// <summary>The registers that the kernel gives: it lists some that this processor has none of.</summary>
    private ModelSpecificRegister[] CollectModelSpecificRegisters()
    {
        uint[] indices = _partition.GetStateRegisters();

        // The counter first and the deadline, which is relative to it, last.
        Array.Sort(indices, static (a, b) => Order(a).CompareTo(Order(b)));
        var registers = new List<ModelSpecificRegister>(indices.Length);
        for (int from = 0; from < indices.Length;)
        {
            ModelSpecificRegister[] some = GetModelSpecificRegisters(indices.AsSpan(from));
            registers.AddRange(some);
            from += some.Length + 1;
        }

        return [.. registers];

        static int Order(uint index) => index switch { TimeStampCounter => -1, DeadlineRegister => 1, _ => 0 };
    }

    private byte[] GetCpuid()
    {
        const int Most = 256;
        byte[] buffer = new byte[CpuidTable.HeaderLength + (Most * sizeof(CpuidEntry))];
        MemoryMarshal.Write(buffer, Most);
        fixed (byte* at = buffer)
        {
            Request(KvmRequest.GetCpuid2, at, "KVM_GET_CPUID2");
        }

        int count = Math.Clamp(MemoryMarshal.Read<int>(buffer), 0, Most);
        return buffer[..(CpuidTable.HeaderLength + (count * sizeof(CpuidEntry)))];
    }

    private void SetCpuid(StateReader reader)
    {
        byte[] table = reader.Bytes(StateItem.Cpuid).ToArray();
        if (table.Length < CpuidTable.HeaderLength || MemoryMarshal.Read<int>(table) * (long)sizeof(CpuidEntry) != table.Length - CpuidTable.HeaderLength)
        {
            throw reader.Damaged(StateItem.Cpuid);
        }

        SetCpuid(table);
    }

    private void SetFrequency(uint kilohertz)
    {
        uint here = (uint)Request(KvmRequest.GetTscKhz, null, "KVM_GET_TSC_KHZ");
        if (kilohertz != 0 && Math.Abs((long)kilohertz - here) > here / 1_000_000.0 * FrequencyTolerance)
        {
            Request(KvmRequest.SetTscKhz, (void*)(nuint)kilohertz, "KVM_SET_TSC_KHZ");
        }
    }
}
