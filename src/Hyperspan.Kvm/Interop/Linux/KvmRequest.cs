namespace Hyperspan.Interop.Linux;

/// <summary>The requests of <c>linux/kvm.h</c> that are used here, as ioctl(2) takes them on x86-64. A test compares them with the header.</summary>
internal static class KvmRequest
{
    internal const int ApiVersion = 12;

    // Of /dev/kvm.
    internal const nuint GetApiVersion = 0xae00;
    internal const nuint CreateVm = 0xae01;
    internal const nuint GetMsrIndexList = 0xc004ae02;
    internal const nuint CheckExtension = 0xae03;
    internal const nuint GetVcpuMmapSize = 0xae04;
    internal const nuint GetSupportedCpuid = 0xc008ae05;

    // Of a virtual machine.
    internal const nuint CreateVcpu = 0xae41;
    internal const nuint GetDirtyLog = 0x4010ae42;
    internal const nuint SetUserMemoryRegion = 0x4020ae46;
    internal const nuint SetTssAddress = 0xae47;
    internal const nuint SetIdentityMapAddress = 0x4008ae48;
    internal const nuint CreateIrqchip = 0xae60;
    internal const nuint IrqLine = 0x4008ae61;
    internal const nuint GetIrqchip = 0xc208ae62;
    internal const nuint SetIrqchip = 0x8208ae63;
    internal const nuint SetGsiRouting = 0x4008ae6a;
    internal const nuint Irqfd = 0x4020ae76;
    internal const nuint CreatePit2 = 0x4040ae77;
    internal const nuint IoEventfd = 0x4040ae79;
    internal const nuint SetClock = 0x4030ae7b;
    internal const nuint GetClock = 0x8030ae7c;
    internal const nuint GetPit2 = 0x8070ae9f;
    internal const nuint SetPit2 = 0x4070aea0;
    internal const nuint EnableCapability = 0x4068aea3;
    internal const nuint SignalMsi = 0x4020aea5;
    internal const nuint ClearDirtyLog = 0xc018aec0;
    internal const nuint ResetDirtyRings = 0xaec7;

    // Of a processor.
    internal const nuint Run = 0xae80;
    internal const nuint GetRegs = 0x8090ae81;
    internal const nuint SetRegs = 0x4090ae82;
    internal const nuint GetSregs = 0x8138ae83;
    internal const nuint SetSregs = 0x4138ae84;
    internal const nuint GetMsrs = 0xc008ae88;
    internal const nuint SetMsrs = 0x4008ae89;
    internal const nuint GetFpu = 0x81a0ae8c;
    internal const nuint SetFpu = 0x41a0ae8d;
    internal const nuint GetLapic = 0x8400ae8e;
    internal const nuint SetLapic = 0x4400ae8f;
    internal const nuint SetCpuid2 = 0x4008ae90;
    internal const nuint GetCpuid2 = 0xc008ae91;
    internal const nuint GetMpState = 0x8004ae98;
    internal const nuint SetMpState = 0x4004ae99;
    internal const nuint Nmi = 0xae9a;
    internal const nuint GetVcpuEvents = 0x8040ae9f;
    internal const nuint SetVcpuEvents = 0x4040aea0;
    internal const nuint GetDebugRegs = 0x8080aea1;
    internal const nuint SetDebugRegs = 0x4080aea2;
    internal const nuint SetTscKhz = 0xaea2;
    internal const nuint GetTscKhz = 0xaea3;
    internal const nuint GetXsave = 0x9000aea4;
    internal const nuint SetXsave = 0x5000aea5;
    internal const nuint GetXcrs = 0x8188aea6;
    internal const nuint SetXcrs = 0x4188aea7;
    internal const nuint KvmClockControl = 0xaead;
    internal const nuint GetXsave2 = 0x9000aecf;
}
