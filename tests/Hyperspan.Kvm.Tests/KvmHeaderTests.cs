using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;

namespace Hyperspan.Kvm.Tests;

/// <summary>What was copied from the C headers, against the C headers.</summary>
public sealed class KvmHeaderTests
{
    private const BindingFlags Any = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;

    private static readonly (string C, ulong Value)[] Expected =
    [
        ("KVM_GET_API_VERSION", KvmRequest.GetApiVersion), ("KVM_CREATE_VM", KvmRequest.CreateVm), ("KVM_GET_MSR_INDEX_LIST", KvmRequest.GetMsrIndexList),
        ("KVM_CHECK_EXTENSION", KvmRequest.CheckExtension), ("KVM_GET_VCPU_MMAP_SIZE", KvmRequest.GetVcpuMmapSize),
        ("KVM_GET_SUPPORTED_CPUID", KvmRequest.GetSupportedCpuid), ("KVM_CREATE_VCPU", KvmRequest.CreateVcpu), ("KVM_GET_DIRTY_LOG", KvmRequest.GetDirtyLog),
        ("KVM_SET_USER_MEMORY_REGION", KvmRequest.SetUserMemoryRegion), ("KVM_SET_TSS_ADDR", KvmRequest.SetTssAddress),
        ("KVM_SET_IDENTITY_MAP_ADDR", KvmRequest.SetIdentityMapAddress), ("KVM_CREATE_IRQCHIP", KvmRequest.CreateIrqchip), ("KVM_IRQ_LINE", KvmRequest.IrqLine),
        ("KVM_GET_IRQCHIP", KvmRequest.GetIrqchip), ("KVM_SET_IRQCHIP", KvmRequest.SetIrqchip), ("KVM_SET_GSI_ROUTING", KvmRequest.SetGsiRouting),
        ("KVM_IRQFD", KvmRequest.Irqfd), ("KVM_CREATE_PIT2", KvmRequest.CreatePit2), ("KVM_IOEVENTFD", KvmRequest.IoEventfd), ("KVM_SET_CLOCK", KvmRequest.SetClock),
        ("KVM_GET_CLOCK", KvmRequest.GetClock), ("KVM_GET_PIT2", KvmRequest.GetPit2), ("KVM_SET_PIT2", KvmRequest.SetPit2),
        ("KVM_ENABLE_CAP", KvmRequest.EnableCapability), ("KVM_SIGNAL_MSI", KvmRequest.SignalMsi), ("KVM_CLEAR_DIRTY_LOG", KvmRequest.ClearDirtyLog),
        ("KVM_RESET_DIRTY_RINGS", KvmRequest.ResetDirtyRings), ("KVM_RUN", KvmRequest.Run), ("KVM_GET_REGS", KvmRequest.GetRegs), ("KVM_SET_REGS", KvmRequest.SetRegs),
        ("KVM_GET_SREGS", KvmRequest.GetSregs), ("KVM_SET_SREGS", KvmRequest.SetSregs), ("KVM_GET_MSRS", KvmRequest.GetMsrs), ("KVM_SET_MSRS", KvmRequest.SetMsrs),
        ("KVM_GET_FPU", KvmRequest.GetFpu), ("KVM_SET_FPU", KvmRequest.SetFpu), ("KVM_GET_LAPIC", KvmRequest.GetLapic), ("KVM_SET_LAPIC", KvmRequest.SetLapic),
        ("KVM_SET_CPUID2", KvmRequest.SetCpuid2), ("KVM_GET_CPUID2", KvmRequest.GetCpuid2), ("KVM_GET_MP_STATE", KvmRequest.GetMpState),
        ("KVM_SET_MP_STATE", KvmRequest.SetMpState), ("KVM_NMI", KvmRequest.Nmi), ("KVM_GET_VCPU_EVENTS", KvmRequest.GetVcpuEvents),
        ("KVM_SET_VCPU_EVENTS", KvmRequest.SetVcpuEvents), ("KVM_GET_DEBUGREGS", KvmRequest.GetDebugRegs), ("KVM_SET_DEBUGREGS", KvmRequest.SetDebugRegs),
        ("KVM_SET_TSC_KHZ", KvmRequest.SetTscKhz), ("KVM_GET_TSC_KHZ", KvmRequest.GetTscKhz), ("KVM_GET_XSAVE", KvmRequest.GetXsave),
        ("KVM_SET_XSAVE", KvmRequest.SetXsave), ("KVM_GET_XCRS", KvmRequest.GetXcrs), ("KVM_SET_XCRS", KvmRequest.SetXcrs),
        ("KVM_KVMCLOCK_CTRL", KvmRequest.KvmClockControl), ("KVM_GET_XSAVE2", KvmRequest.GetXsave2),
        ("KVM_CAP_NR_VCPUS", (ulong)KvmCapability.NrVcpus), ("KVM_CAP_NR_MEMSLOTS", (ulong)KvmCapability.NrMemslots), ("KVM_CAP_IRQFD", (ulong)KvmCapability.Irqfd),
        ("KVM_CAP_PIT2", (ulong)KvmCapability.Pit2), ("KVM_CAP_IOEVENTFD", (ulong)KvmCapability.IoEventfd), ("KVM_CAP_ADJUST_CLOCK", (ulong)KvmCapability.AdjustClock),
        ("KVM_CAP_XCRS", (ulong)KvmCapability.Xcrs), ("KVM_CAP_MAX_VCPUS", (ulong)KvmCapability.MaxVcpus),
        ("KVM_CAP_TSC_DEADLINE_TIMER", (ulong)KvmCapability.TscDeadlineTimer), ("KVM_CAP_SIGNAL_MSI", (ulong)KvmCapability.SignalMsi),
        ("KVM_CAP_READONLY_MEM", (ulong)KvmCapability.ReadonlyMemory), ("KVM_CAP_IOEVENTFD_NO_LENGTH", (ulong)KvmCapability.IoEventfdNoLength),
        ("KVM_CAP_IOEVENTFD_ANY_LENGTH", (ulong)KvmCapability.IoEventfdAnyLength), ("KVM_CAP_MAX_VCPU_ID", (ulong)KvmCapability.MaxVcpuId),
        ("KVM_CAP_IMMEDIATE_EXIT", (ulong)KvmCapability.ImmediateExit), ("KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2", (ulong)KvmCapability.ManualDirtyLogProtect2),
        ("KVM_CAP_DIRTY_LOG_RING", (ulong)KvmCapability.DirtyLogRing), ("KVM_CAP_XSAVE2", (ulong)KvmCapability.Xsave2),
        ("KVM_CAP_DIRTY_LOG_RING_ACQ_REL", (ulong)KvmCapability.DirtyLogRingAcqRel),
        ("KVM_EXIT_IO", (ulong)KvmExitReason.Io), ("KVM_EXIT_MMIO", (ulong)KvmExitReason.Mmio), ("KVM_EXIT_HLT", (ulong)KvmExitReason.Hlt),
        ("KVM_EXIT_SHUTDOWN", (ulong)KvmExitReason.Shutdown), ("KVM_EXIT_FAIL_ENTRY", (ulong)KvmExitReason.FailEntry),
        ("KVM_EXIT_INTERNAL_ERROR", (ulong)KvmExitReason.InternalError), ("KVM_EXIT_SYSTEM_EVENT", (ulong)KvmExitReason.SystemEvent),
        ("KVM_EXIT_DIRTY_RING_FULL", (ulong)KvmExitReason.DirtyRingFull),
        ("KVM_MEM_LOG_DIRTY_PAGES", KvmMemoryRegion.LogDirtyPages), ("KVM_MEM_READONLY", KvmMemoryRegion.ReadOnly), ("KVM_EXIT_IO_OUT", KvmRun.DirectionOut),
        ("KVM_IOEVENTFD_FLAG_DATAMATCH", KvmIoEventfd.DataMatch), ("KVM_IOEVENTFD_FLAG_PIO", KvmIoEventfd.PortIo), ("KVM_IOEVENTFD_FLAG_DEASSIGN", KvmIoEventfd.Deassign),
        ("KVM_IRQFD_FLAG_DEASSIGN", KvmIrqfd.Deassign), ("KVM_IRQFD_FLAG_RESAMPLE", KvmIrqfd.Resample),
        ("KVM_IRQ_ROUTING_IRQCHIP", KvmIrqRoutingEntry.TypeIrqchip), ("KVM_IRQ_ROUTING_MSI", KvmIrqRoutingEntry.TypeMsi),
        ("KVM_SYSTEM_EVENT_RESET", (ulong)SystemEvent.Reset), ("KVM_SYSTEM_EVENT_CRASH", (ulong)SystemEvent.Crash),
        ("KVM_MP_STATE_HALTED", (ulong)ProcessorActivity.Halted), ("KVM_MP_STATE_SIPI_RECEIVED", (ulong)ProcessorActivity.StartupReceived),
        ("KVM_CPUID_FLAG_SIGNIFCANT_INDEX", CpuidEntry.SignificantIndex), ("KVM_DIRTY_LOG_PAGE_OFFSET", 64),
        ("sizeof(struct kvm_userspace_memory_region)", Size<KvmMemoryRegion>()), ("sizeof(struct kvm_ioeventfd)", Size<KvmIoEventfd>()),
        ("sizeof(struct kvm_irqfd)", Size<KvmIrqfd>()), ("sizeof(struct kvm_irq_routing_entry)", Size<KvmIrqRoutingEntry>()), ("sizeof(struct kvm_msi)", Size<KvmMsi>()),
        ("sizeof(struct kvm_dirty_log)", Size<KvmDirtyLog>()), ("sizeof(struct kvm_clear_dirty_log)", Size<KvmClearDirtyLog>()),
        ("sizeof(struct kvm_enable_cap)", Size<KvmEnableCapability>()), ("sizeof(struct kvm_irq_level)", Size<KvmIrqLevel>()),
        ("sizeof(struct kvm_regs)", Size<GeneralRegisters>()), ("offsetof(struct kvm_regs, rip)", Offset<GeneralRegisters>(nameof(GeneralRegisters.Rip))),
        ("offsetof(struct kvm_regs, rsp)", Offset<GeneralRegisters>(nameof(GeneralRegisters.Rsp))),
        ("sizeof(struct kvm_segment)", Size<SegmentRegister>()), ("sizeof(struct kvm_dtable)", Size<DescriptorTableRegister>()),
        ("sizeof(struct kvm_sregs)", Size<SpecialRegisters>()), ("sizeof(struct kvm_fpu)", Size<FloatingPointRegisters>()),
        ("sizeof(struct kvm_msr_entry)", Size<ModelSpecificRegister>()), ("sizeof(struct kvm_cpuid_entry2)", Size<CpuidEntry>()),
        ("sizeof(struct kvm_vcpu_events)", Size<ProcessorEvents>()), ("sizeof(struct kvm_debugregs)", Size<DebugRegisters>()),
        ("sizeof(struct kvm_lapic_state)", Size<LocalApicState>()), ("sizeof(struct kvm_xcr)", Size<ExtendedControlRegister>()), ("sizeof(struct kvm_xcrs)", 392),
        ("sizeof(struct kvm_pit_config)", 64), ("sizeof(struct kvm_dirty_gfn)", DirtyRing.EntrySize),
        ("offsetof(struct kvm_run, immediate_exit)", Offset<KvmRun>(nameof(KvmRun.ImmediateExit))),
        ("offsetof(struct kvm_run, exit_reason)", Offset<KvmRun>(nameof(KvmRun.ExitReason))),
        ("offsetof(struct kvm_run, io.count)", Offset<KvmRun>(nameof(KvmRun.IoCount))), ("offsetof(struct kvm_run, io.data_offset)", Offset<KvmRun>(nameof(KvmRun.IoDataOffset))),
        ("offsetof(struct kvm_run, mmio.data)", Offset<KvmRun>(nameof(KvmRun.MmioData))), ("offsetof(struct kvm_run, mmio.len)", Offset<KvmRun>(nameof(KvmRun.MmioLength))),
        ("offsetof(struct kvm_run, mmio.is_write)", Offset<KvmRun>(nameof(KvmRun.MmioIsWrite))),
        ("offsetof(struct kvm_run, internal.data)", Offset<KvmRun>(nameof(KvmRun.InternalData))),
        ("offsetof(struct kvm_run, system_event.type)", Offset<KvmRun>(nameof(KvmRun.SystemEventType))),
        ("offsetof(struct kvm_vcpu_events, nmi)", Offset<ProcessorEvents>(nameof(ProcessorEvents.NmiInjected))),
        ("offsetof(struct kvm_vcpu_events, sipi_vector)", Offset<ProcessorEvents>(nameof(ProcessorEvents.StartupVector))),
        ("offsetof(struct kvm_vcpu_events, exception_payload)", Offset<ProcessorEvents>(nameof(ProcessorEvents.ExceptionPayload))),
        ("offsetof(struct kvm_segment, unusable)", Offset<SegmentRegister>(nameof(SegmentRegister.IsUnusable))),
        ("offsetof(struct kvm_segment, l)", Offset<SegmentRegister>(nameof(SegmentRegister.IsLong))),
        ("offsetof(struct kvm_fpu, mxcsr)", Offset<FloatingPointRegisters>(nameof(FloatingPointRegisters.Mxcsr))),
        ("offsetof(struct kvm_fpu, last_ip)", Offset<FloatingPointRegisters>(nameof(FloatingPointRegisters.LastInstruction))),
        ("offsetof(struct kvm_sregs, apic_base)", Offset<SpecialRegisters>(nameof(SpecialRegisters.ApicBase))),
        ("offsetof(struct kvm_sregs, tr)", Offset<SpecialRegisters>(nameof(SpecialRegisters.Tr))),
    ];

    [SkippableFact]
    public void Constants_and_layouts_agree()
    {
        Skip.IfNot(OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64, "Linux on x86-64 only");
        CHeaders.ShouldAgree("#include <linux/kvm.h>", Expected, atLeast: Expected.Length * 3 / 4);
    }

    private static ulong Size<T>() => (ulong)Unsafe.SizeOf<T>();

    /// <summary>Where a field lies in memory, which is not where marshalling would put it: found by giving it a value and looking for that.</summary>
    private static ulong Offset<T>(string field)
        where T : unmanaged
    {
        FieldInfo info = typeof(T).GetField(field, Any) ?? typeof(T).GetField($"<{field}>k__BackingField", Any)!;
        object value = default(T);
        info.SetValue(value, NotZero(info.FieldType));
        var copy = (T)value;
        return (ulong)MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in copy)).IndexOfAnyExcept((byte)0);
    }

    private static object NotZero(Type type)
    {
        if (type == typeof(bool))
        {
            return true;
        }

        if (type.IsEnum)
        {
            return Enum.ToObject(type, 1);
        }

        if (type.IsPrimitive)
        {
            return Convert.ChangeType(1, type, CultureInfo.InvariantCulture);
        }

        object value = RuntimeHelpers.GetUninitializedObject(type);
        FieldInfo first = type.GetFields(Any)[0];
        first.SetValue(value, NotZero(first.FieldType));
        return value;
    }
}
