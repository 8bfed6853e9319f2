using Hyperspan.Interop.Linux;

namespace Hyperspan.Kvm;

/// <content>Registers: between two runs only, see the remarks on the class.</content>
public sealed unsafe partial class VirtualProcessor
{
    /// <summary>Gets the general registers.</summary>
    /// <returns>The registers.</returns>
    /// <exception cref="InvalidOperationException">The processor is running.</exception>
    /// <exception cref="KvmException">The kernel refused.</exception>
    public GeneralRegisters GetRegisters() => Get<GeneralRegisters>(KvmRequest.GetRegs, "KVM_GET_REGS");

    /// <summary>Sets the general registers.</summary>
    /// <param name="registers">The registers.</param>
    /// <exception cref="InvalidOperationException">The processor is running.</exception>
    /// <exception cref="KvmException">The kernel refused.</exception>
    public void SetRegisters(GeneralRegisters registers) => Set(KvmRequest.SetRegs, registers, "KVM_SET_REGS");

    /// <summary>Gets segments, descriptor tables and control registers.</summary>
    /// <returns>The registers.</returns>
    /// <exception cref="InvalidOperationException">The processor is running.</exception>
    /// <exception cref="KvmException">The kernel refused.</exception>
    public SpecialRegisters GetSpecialRegisters() => Get<SpecialRegisters>(KvmRequest.GetSregs, "KVM_GET_SREGS");

    /// <summary>Sets segments, descriptor tables and control registers.</summary>
    /// <param name="registers">The registers.</param>
    /// <exception cref="InvalidOperationException">The processor is running.</exception>
    /// <exception cref="KvmException">
    /// The kernel refused: they contradict each other. What it lets through may still fail at the next entry (<see cref="KvmExitKind.FailedEntry"/>).
    /// </exception>
    public void SetSpecialRegisters(SpecialRegisters registers) => Set(KvmRequest.SetSregs, registers, "KVM_SET_SREGS");

    /// <summary>Gets the registers of x87 and SSE.</summary>
    /// <returns>The registers.</returns>
    /// <exception cref="InvalidOperationException">The processor is running.</exception>
    /// <exception cref="KvmException">The kernel refused.</exception>
    public FloatingPointRegisters GetFloatingPointRegisters() => Get<FloatingPointRegisters>(KvmRequest.GetFpu, "KVM_GET_FPU");

    /// <summary>Sets the registers of x87 and SSE.</summary>
    /// <param name="registers">The registers.</param>
    /// <exception cref="InvalidOperationException">The processor is running.</exception>
    /// <exception cref="KvmException">The kernel refused.</exception>
    public void SetFloatingPointRegisters(FloatingPointRegisters registers) => Set(KvmRequest.SetFpu, registers, "KVM_SET_FPU");

    /// <summary>Gets the debug registers.</summary>
    /// <returns>The registers.</returns>
    /// <exception cref="InvalidOperationException">The processor is running.</exception>
    /// <exception cref="KvmException">The kernel refused.</exception>
    public DebugRegisters GetDebugRegisters() => Get<DebugRegisters>(KvmRequest.GetDebugRegs, "KVM_GET_DEBUGREGS");

    /// <summary>Sets the debug registers.</summary>
    /// <param name="registers">The registers.</param>
    /// <exception cref="InvalidOperationException">The processor is running.</exception>
    /// <exception cref="KvmException">The kernel refused.</exception>
    public void SetDebugRegisters(DebugRegisters registers) => Set(KvmRequest.SetDebugRegs, registers, "KVM_SET_DEBUGREGS");

    /// <summary>Gets exceptions, interrupts and NMIs on their way.</summary>
    /// <returns>The events.</returns>
    /// <exception cref="InvalidOperationException">The processor is running.</exception>
    /// <exception cref="KvmException">The kernel refused.</exception>
    public ProcessorEvents GetEvents() => Get<ProcessorEvents>(KvmRequest.GetVcpuEvents, "KVM_GET_VCPU_EVENTS");

    /// <summary>Sets exceptions, interrupts and NMIs on their way.</summary>
    /// <param name="events">The events.</param>
    /// <exception cref="InvalidOperationException">The processor is running.</exception>
    /// <exception cref="KvmException">The kernel refused.</exception>
    public void SetEvents(ProcessorEvents events) => Set(KvmRequest.SetVcpuEvents, events, "KVM_SET_VCPU_EVENTS");

    /// <summary>Gets the local APIC, in a partition with an interrupt controller.</summary>
    /// <returns>Its registers.</returns>
    /// <exception cref="InvalidOperationException">The processor is running.</exception>
    /// <exception cref="KvmException">The kernel refused.</exception>
    public LocalApicState GetLocalApic() => Get<LocalApicState>(KvmRequest.GetLapic, "KVM_GET_LAPIC");

    /// <summary>Sets the local APIC.</summary>
    /// <param name="state">Its registers.</param>
    /// <exception cref="InvalidOperationException">The processor is running.</exception>
    /// <exception cref="KvmException">The kernel refused.</exception>
    public void SetLocalApic(LocalApicState state) => Set(KvmRequest.SetLapic, state, "KVM_SET_LAPIC");

    /// <summary>Gets what the processor is doing, in a partition with an interrupt controller.</summary>
    /// <returns>Its activity.</returns>
    /// <exception cref="InvalidOperationException">The processor is running.</exception>
    /// <exception cref="KvmException">The kernel refused.</exception>
    public ProcessorActivity GetActivity() => (ProcessorActivity)Get<uint>(KvmRequest.GetMpState, "KVM_GET_MP_STATE");

    /// <summary>Sets what the processor is doing.</summary>
    /// <param name="activity">Its activity.</param>
    /// <exception cref="InvalidOperationException">The processor is running.</exception>
    /// <exception cref="KvmException">The kernel refused.</exception>
    public void SetActivity(ProcessorActivity activity) => Set(KvmRequest.SetMpState, (uint)activity, "KVM_SET_MP_STATE");

    /// <summary>Sets what CPUID answers. Before the first run.</summary>
    /// <param name="table">The answers.</param>
    /// <exception cref="InvalidOperationException">The processor is running.</exception>
    /// <exception cref="KvmException">The kernel refused.</exception>
    public void SetCpuid(CpuidTable table)
    {
        ArgumentNullException.ThrowIfNull(table);
        SetCpuid(table.ToKernel());
    }

    /// <summary>Reads model-specific registers.</summary>
    /// <param name="indices">The numbers by which RDMSR knows them.</param>
    /// <returns>The registers, in the same order, up to the first that there is none of.</returns>
    /// <exception cref="InvalidOperationException">The processor is running.</exception>
    /// <exception cref="KvmException">The kernel refused.</exception>
    public ModelSpecificRegister[] GetModelSpecificRegisters(params ReadOnlySpan<uint> indices)
    {
        var registers = new ModelSpecificRegister[indices.Length];
        for (int i = 0; i < indices.Length; i++)
        {
            registers[i] = new ModelSpecificRegister(indices[i], 0);
        }

        int done = Exchange(KvmRequest.GetMsrs, registers, "KVM_GET_MSRS");
        return registers[..done];
    }

    /// <summary>Writes model-specific registers, in order.</summary>
    /// <param name="registers">The registers with their values.</param>
    /// <exception cref="InvalidOperationException">The processor is running.</exception>
    /// <exception cref="KvmException">The kernel refused one, which the message names. Those before it are written.</exception>
    public void SetModelSpecificRegisters(params ReadOnlySpan<ModelSpecificRegister> registers)
    {
        int done = Exchange(KvmRequest.SetMsrs, registers.ToArray(), "KVM_SET_MSRS");
        if (done < registers.Length)
        {
            throw new KvmException($"KVM_SET_MSRS: 0x{registers[done].Index:x} = 0x{registers[done].Value:x}", ErrorNumber.InvalidArgument);
        }
    }

    /// <summary>Gets the extended control registers.</summary>
    /// <returns>The registers that there are.</returns>
    /// <exception cref="InvalidOperationException">The processor is running.</exception>
    /// <exception cref="KvmException">The kernel refused.</exception>
    public ExtendedControlRegister[] GetExtendedControlRegisters()
    {
        // struct kvm_xcrs: a count and flags, sixteen registers, padding.
        byte* buffer = stackalloc byte[392];
        Request(KvmRequest.GetXcrs, buffer, "KVM_GET_XCRS");

        // SAFETY: the count of a structure that holds sixteen.
        return new ReadOnlySpan<ExtendedControlRegister>(buffer + 8, (int)Math.Min(*(uint*)buffer, 16u)).ToArray();
    }

    /// <summary>Sets extended control registers.</summary>
    /// <param name="registers">The registers, at most sixteen.</param>
    /// <exception cref="ArgumentException">There are more.</exception>
    /// <exception cref="InvalidOperationException">The processor is running.</exception>
    /// <exception cref="KvmException">The kernel refused.</exception>
    public void SetExtendedControlRegisters(params ReadOnlySpan<ExtendedControlRegister> registers)
    {
        if (registers.Length > 16)
        {
            throw new ArgumentException("There are at most sixteen extended control registers.", nameof(registers));
        }

        byte* buffer = stackalloc byte[392];
        new Span<byte>(buffer, 392).Clear();
        *(uint*)buffer = (uint)registers.Length;

        // SAFETY: the structure holds sixteen.
        registers.CopyTo(new Span<ExtendedControlRegister>(buffer + 8, 16));
        Request(KvmRequest.SetXcrs, buffer, "KVM_SET_XCRS");
    }

    /// <summary>Gets the extended state, in the form of XSAVE: x87, all vector registers and what else the processor keeps there.</summary>
    /// <returns>As many bytes as <see cref="KvmCapabilities.ExtendedStateLength"/> says.</returns>
    /// <exception cref="InvalidOperationException">The processor is running.</exception>
    /// <exception cref="KvmException">The kernel refused.</exception>
    public byte[] GetExtendedState()
    {
        int length = _partition.Capabilities.ExtendedStateLength;
        byte[] state = new byte[length];
        fixed (byte* at = state)
        {
            // Kernels before 5.17 know the old form only, of 4096 bytes.
            Request(length > 4096 ? KvmRequest.GetXsave2 : KvmRequest.GetXsave, at, "KVM_GET_XSAVE");
        }

        return state;
    }

    /// <summary>Sets the extended state.</summary>
    /// <param name="state">As <see cref="GetExtendedState"/> gave it.</param>
    /// <exception cref="ArgumentException">It has another length than this machine's.</exception>
    /// <exception cref="InvalidOperationException">The processor is running.</exception>
    /// <exception cref="KvmException">The kernel refused.</exception>
    public void SetExtendedState(ReadOnlySpan<byte> state)
    {
        if (state.Length != _partition.Capabilities.ExtendedStateLength)
        {
            throw new ArgumentException($"The extended state of this machine has {_partition.Capabilities.ExtendedStateLength} bytes.", nameof(state));
        }

        fixed (byte* at = state)
        {
            Request(KvmRequest.SetXsave, at, "KVM_SET_XSAVE");
        }
    }

    /// <summary>Sends the processor an NMI.</summary>
    /// <exception cref="KvmException">The kernel refused.</exception>
    /// <exception cref="ObjectDisposedException">The processor has been disposed.</exception>
    public void SendNmi()
    {
        ObjectDisposedException.ThrowIf(_handle.IsClosed, this);
        KvmCall.Invoke(_handle, KvmRequest.Nmi, null, "KVM_NMI");
    }

    private void SetCpuid(byte[] table)
    {
        fixed (byte* at = table)
        {
            // SAFETY: an array of the length that it says.
            Request(KvmRequest.SetCpuid2, at, "KVM_SET_CPUID2");
        }
    }

    private T Get<T>(nuint request, string operation)
        where T : unmanaged
    {
        T value;
        Request(request, &value, operation);
        return value;
    }

    private void Set<T>(nuint request, T value, string operation)
        where T : unmanaged => Request(request, &value, operation);

    private int Exchange(nuint request, ModelSpecificRegister[] registers, string operation)
    {
        byte[] buffer = new byte[8 + (registers.Length * sizeof(ModelSpecificRegister))];
        fixed (byte* at = buffer)
        {
            *(uint*)at = (uint)registers.Length;

            // SAFETY: the array has room for the count and the registers.
            var entries = new Span<ModelSpecificRegister>(at + 8, registers.Length);
            registers.CopyTo(entries);
            int done = Request(request, at, operation);
            entries.CopyTo(registers);
            return done;
        }
    }

    private int Request(nuint request, void* argument, string operation)
    {
        // The lock keeps a run from beginning meanwhile.
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_runningThread != 0)
            {
                throw new InvalidOperationException($"Processor {Id} is running: its registers are reached between two runs.");
            }

            return KvmCall.Invoke(_handle, request, argument, operation);
        }
    }
}
