using System.Diagnostics;

using Hyperspan.Devices;
using Hyperspan.Interop.Linux;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Kvm;

/// <summary>A virtual machine on Linux KVM: guest memory as real processors see it, devices at the addresses around it, doorbells and interrupts.</summary>
/// <remarks>
/// <para>
/// Memory is mapped with <see cref="Map(GuestMemory, bool)"/>, also while processors run. What the guest accesses elsewhere goes to <see cref="Memory"/>, and ports to
/// <see cref="Ports"/>: devices are registered there. Doorbells of both that have an eventfd behind them are rung by the kernel.
/// </para>
/// <para>
/// All members may be called from any thread. Disposing brings the processors back from their guests and waits until they are, then closes the machine: the guest's
/// accesses are over when it returns, and the memory is its owner's alone.
/// </para>
/// <example>
/// <code>
/// using var ram = new GuestMemory("ram", new SharedBacking(1 &lt;&lt; 20));
/// using var partition = new KvmPartition();
/// partition.Map(ram);
/// partition.Ports.AddHandler(new GuestRange(0x3f8, 1), (_, _) => { }, (_, data) => Console.Write((char)data[0]), "console");
/// VirtualProcessor processor = partition.CreateProcessor();
/// processor.SetRegisters(new GeneralRegisters { Rip = 0x1000, Rflags = 2 });
/// KvmExit exit = processor.Run();
/// </code>
/// </example>
/// </remarks>
[DebuggerDisplay("{Name,nq}")]
public sealed unsafe partial class KvmPartition : IDisposable
{
    // Three pages that Intel processors without unrestricted guests need somewhere, and one for a page table; where QEMU has them, below the BIOS.
    private const ulong TaskStateAddress = 0xfffb_d000;
    private const ulong IdentityMapAddress = 0xfffb_c000;

    private readonly SafeFileHandle _device;
    private readonly SafeFileHandle _handle;
    private readonly int _runLength;
    private readonly int _dirtyRingSize;
    private readonly Lock _lock = new();
    private readonly List<VirtualProcessor> _processors = [];

    // What was registered and not taken back, which holds descriptors of the caller's.
    private readonly HashSet<Registration> _registrations = [];

    // One more than the highest there ever was: the kernel keeps the number of a processor that is gone.
    private uint _nextProcessor;
    private bool _disposed;

    /// <summary>Initializes a new instance of the <see cref="KvmPartition"/> class, without memory and processors.</summary>
    /// <param name="options">The options, or <see langword="null"/> for the defaults.</param>
    /// <exception cref="KvmException">There is no KVM, or it refused; the message says which step, and why.</exception>
    /// <exception cref="ArgumentException">The dirty ring's size is no power of two, or the timer was asked for without the interrupt controller.</exception>
    /// <exception cref="PlatformNotSupportedException">This is not Linux on x86-64.</exception>
    public KvmPartition(KvmPartitionOptions? options = null)
    {
        options ??= KvmPartitionOptions.Default;
        ArgumentNullException.ThrowIfNull(options.Name, nameof(options));
        if (options.IntervalTimer && !options.InterruptController)
        {
            throw new ArgumentException("The interval timer needs the interrupt controller.", nameof(options));
        }

        if (options.DirtyRingSize != 0 && (options.DirtyRingSize < 1024 || !int.IsPow2(options.DirtyRingSize)))
        {
            throw new ArgumentException("The size of a dirty ring is a power of two, 1024 or more.", nameof(options));
        }

        Name = options.Name;
        Unclaimed = options.Unclaimed;
        HasInterruptController = options.InterruptController;
        HasIntervalTimer = options.IntervalTimer;
        Memory = new DeviceAddressSpace($"{Name}, memory");
        Ports = new DeviceAddressSpace($"{Name}, ports");
        _device = KvmCall.Open();
        try
        {
            Capabilities = new KvmCapabilities(_device);
            if (!Capabilities.ImmediateExit)
            {
                throw new KvmException("KVM_CAP_IMMEDIATE_EXIT", ErrorNumber.NotSupported, "kernels since 4.13 have it");
            }

            _runLength = KvmCall.Invoke(_device, KvmRequest.GetVcpuMmapSize, null, "KVM_GET_VCPU_MMAP_SIZE");
            _handle = new SafeFileHandle(KvmCall.Invoke(_device, KvmRequest.CreateVm, null, "KVM_CREATE_VM"), ownsHandle: true);
            _dirtyRingSize = options.DirtyRingSize;
            SetUp();
        }
        catch
        {
            _handle?.Dispose();
            _device.Dispose();
            throw;
        }
    }

    /// <summary>Initializes a new instance of the <see cref="KvmPartition"/> class, and maps memory, each region at its address: <see cref="Map(GuestMemory)"/>.</summary>
    /// <param name="memory">The memory; it stays the caller's, and is unmapped with the partition.</param>
    /// <param name="options">The options, or <see langword="null"/> for the defaults.</param>
    /// <exception cref="ArgumentException">A region is what a guest cannot see: unaligned, without a mapping, or one that moves.</exception>
    /// <exception cref="KvmException">/dev/kvm cannot be used, or the kernel refused.</exception>
    /// <exception cref="PlatformNotSupportedException">This is not Linux on x86-64.</exception>
    public KvmPartition(GuestMemory memory, KvmPartitionOptions? options = null)
        : this(options)
    {
        try
        {
            Map(memory);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Gets the name used in errors.</summary>
    public string Name { get; }

    /// <summary>Gets what this kernel's KVM can do.</summary>
    public KvmCapabilities Capabilities { get; }

    /// <summary>Gets what happens at an access that no device answers.</summary>
    public UnclaimedAccess Unclaimed { get; }

    /// <summary>Gets a value indicating whether the kernel emulates interrupt controllers.</summary>
    public bool HasInterruptController { get; }

    /// <summary>Gets a value indicating whether the kernel emulates the 8254 timer.</summary>
    public bool HasIntervalTimer { get; }

    /// <summary>Gets the devices in the space of memory: what the guest accesses where no slot is, and stores to read-only slots.</summary>
    public DeviceAddressSpace Memory { get; }

    /// <summary>Gets the devices in the space of ports, at addresses from zero to 0xffff.</summary>
    public DeviceAddressSpace Ports { get; }

    /// <summary>Gets the processors, in the order in which they were made.</summary>
    public IReadOnlyList<VirtualProcessor> Processors
    {
        get
        {
            lock (_lock)
            {
                return [.. _processors];
            }
        }
    }

    /// <summary>Gets a value indicating whether a partition can be made here: KVM is there, may be used, and can do what is needed. Each time one is tried.</summary>
    public static bool IsSupported => WhyNot() is null;

    /// <summary>Tells why a partition cannot be made here.</summary>
    /// <returns>The reason, in a sentence; <see langword="null"/> where one can.</returns>
    public static string? WhyNot()
    {
        try
        {
            using var partition = new KvmPartition();
            return null;
        }
        catch (Exception e) when (e is KvmException or PlatformNotSupportedException)
        {
            return e.Message;
        }
    }

    /// <summary>Makes the next processor: its number is one more than the highest there ever was, beginning with zero; see <see cref="CreateProcessor(uint)"/>.</summary>
    /// <returns>The processor; it is disposed with the partition, at the latest.</returns>
    /// <exception cref="KvmException">The kernel refused: there are too many.</exception>
    /// <exception cref="ObjectDisposedException">The partition has been disposed.</exception>
    public VirtualProcessor CreateProcessor()
    {
        lock (_lock)
        {
            return CreateProcessor(_nextProcessor);
        }
    }

    /// <summary>Makes a processor, in the state of its reset: at 0xfffffff0 in real mode.</summary>
    /// <param name="id">Its number, which is its APIC id as well; the first is the one that starts the machine.</param>
    /// <returns>The processor; it is disposed with the partition, at the latest.</returns>
    /// <exception cref="KvmException">The kernel refused: the number is in use or too large.</exception>
    /// <exception cref="ObjectDisposedException">The partition has been disposed.</exception>
    public VirtualProcessor CreateProcessor(uint id)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            int descriptor = KvmCall.Invoke(_handle, KvmRequest.CreateVcpu, (void*)(nuint)id, $"KVM_CREATE_VCPU {id}");

            // The kernel does not give the number again, whatever fails from here on.
            _nextProcessor = Math.Max(_nextProcessor, id + 1);
            var processor = new VirtualProcessor(this, id, new SafeFileHandle(descriptor, ownsHandle: true), (nuint)_runLength, _dirtyRingSize);
            _processors.Add(processor);
            return processor;
        }
    }

    /// <summary>Gets what CPUID can answer here: what both the processor and KVM can do. Without topology, which is for whoever sets it to say.</summary>
    /// <returns>A new table.</returns>
    /// <exception cref="KvmException">The kernel refused.</exception>
    public CpuidTable GetSupportedCpuid()
    {
        CpuidTable table = CpuidTable.Supported(_device);

        // The kernel leaves this bit to whoever knows that its local APICs are used.
        if (HasInterruptController && Capabilities.DeadlineTimer && table.TryFind(1, 0, out CpuidEntry entry))
        {
            table.Set(entry with { Ecx = entry.Ecx | (1 << 24) });
        }

        return table;
    }

    /// <summary>Gets the numbers of the model-specific registers that make up a processor's state, as far as this machine has them.</summary>
    /// <returns>A new list.</returns>
    /// <exception cref="KvmException">The kernel refused.</exception>
    public uint[] GetStateRegisters()
    {
        // nmsrs, then the numbers; too small an array is answered with E2BIG and the number that there are.
        uint count = 0;
        _ = LibC.Ioctl(_device, KvmRequest.GetMsrIndexList, &count);
        uint[] list = new uint[count + 1];
        list[0] = count;
        fixed (uint* at = list)
        {
            // SAFETY: an array of the length that it says.
            KvmCall.Invoke(_device, KvmRequest.GetMsrIndexList, at, "KVM_GET_MSR_INDEX_LIST");
        }

        return list[1..(int)(list[0] + 1)];
    }

    /// <summary>
    /// Ends the machine: see the remarks on the class. Idempotent; whoever disposes it while another does waits as well. Not from within a device's handler, on a
    /// processor's thread.
    /// </summary>
    /// <exception cref="InvalidOperationException">It was called on a thread that runs one of its processors. Nothing has changed.</exception>
    public void Dispose()
    {
        List<VirtualProcessor> processors;
        List<Registration> registrations;
        lock (_lock)
        {
            ThrowIfOnProcessor();
            _disposed = true;
            processors = [.. _processors];
            registrations = [.. _registrations];
        }

        // All are asked before one is waited for: those that go on keep the others from being heard.
        processors.ForEach(static processor => processor.BeginDispose());
        processors.ForEach(static processor => processor.Dispose());

        Close();
        _device.Dispose();
        foreach (Registration registration in registrations)
        {
            registration.Dispose();
        }
    }

    /// <summary>Forgets a processor that was disposed.</summary>
    internal void Remove(VirtualProcessor processor)
    {
        lock (_lock)
        {
            _processors.Remove(processor);
        }

        ReportRingGone();
    }

    /// <summary>A thread that is in a device's handler cannot wait for its own processor.</summary>
    /// <exception cref="InvalidOperationException">This thread runs one of the processors.</exception>
    internal void ThrowIfOnProcessor()
    {
        foreach (VirtualProcessor processor in Processors)
        {
            if (processor.IsOnThisThread)
            {
                throw new InvalidOperationException($"A device cannot wait for processor {processor.Id} of '{Name}', which waits for it.");
            }
        }
    }

    /// <summary>Makes a request to the machine.</summary>
    internal int Request(nuint request, void* argument, string operation)
    {
        ObjectDisposedException.ThrowIf(_handle.IsClosed, this);
        return KvmCall.Invoke(_handle, request, argument, operation);
    }

    /// <summary>Makes a registration that ends with the partition at the latest.</summary>
    /// <exception cref="ObjectDisposedException">The partition has been disposed; what was registered is undone.</exception>
    private Registration Keep(Action undo)
    {
        var registration = new Registration(undo) { OnEnd = Forget };
        bool isDisposed;
        lock (_lock)
        {
            isDisposed = _disposed;
            _registrations.Add(registration);
        }

        if (isDisposed)
        {
            registration.Dispose();
            throw new ObjectDisposedException(nameof(KvmPartition));
        }

        return registration;
    }

    /// <summary>
    /// Registers a descriptor with the kernel, and holds it until that is undone: its number must not become another file's before. When the partition has been closed, the kernel
    /// has forgotten it already.
    /// </summary>
    /// <param name="descriptor">The descriptor.</param>
    /// <param name="register">Registers its number.</param>
    /// <param name="unregister">Undoes that.</param>
    /// <param name="after">What else is undone then, or where it fails.</param>
    private Registration Hold(SafeFileHandle descriptor, Action<int> register, Action<int> unregister, Action? after = null)
    {
        int number;
        bool held = false;
        try
        {
            descriptor.DangerousAddRef(ref held);
            number = (int)descriptor.DangerousGetHandle();
            register(number);
        }
        catch
        {
            if (held)
            {
                descriptor.DangerousRelease();
            }

            after?.Invoke();
            throw;
        }

        return Keep(() =>
        {
            try
            {
                if (!_handle.IsClosed)
                {
                    unregister(number);
                }
            }
            finally
            {
                descriptor.DangerousRelease();
                after?.Invoke();
            }
        });
    }

    private void Forget(Registration registration)
    {
        lock (_lock)
        {
            _registrations.Remove(registration);
        }
    }

    private void SetUp()
    {
        Request(KvmRequest.SetTssAddress, (void*)TaskStateAddress, "KVM_SET_TSS_ADDR");
        ulong identity = IdentityMapAddress;
        Request(KvmRequest.SetIdentityMapAddress, &identity, "KVM_SET_IDENTITY_MAP_ADDR");
        if (_dirtyRingSize != 0)
        {
            EnableDirtyRing();
        }
        else if (Capabilities.ManualDirtyProtection)
        {
            var enable = new KvmEnableCapability { Capability = (uint)KvmCapability.ManualDirtyLogProtect2, Argument0 = 1 };
            Request(KvmRequest.EnableCapability, &enable, "KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2");
        }

        if (HasInterruptController)
        {
            Request(KvmRequest.CreateIrqchip, null, "KVM_CREATE_IRQCHIP");
        }

        if (HasIntervalTimer)
        {
            ulong* configuration = stackalloc ulong[8];
            new Span<ulong>(configuration, 8).Clear();

            // SAFETY: struct kvm_pit_config has 64 bytes; without flags.
            Request(KvmRequest.CreatePit2, configuration, "KVM_CREATE_PIT2");
        }
    }
}
