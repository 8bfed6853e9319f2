using System.Buffers.Binary;
using System.Collections.Concurrent;

using Hyperspan.Testing;
using Hyperspan.Virtio;

using Register = Hyperspan.Kvm.VirtioMmioRegister;

namespace Hyperspan.Kvm.Tests.Infrastructure;

/// <summary>A driver at the registers of a transport: needs no KVM.</summary>
internal sealed class MmioBed : IDisposable
{
    internal const ulong Data = 0x80000;

    private const ulong RingFeatures = VirtioFeatures.Version1 | VirtioFeatures.RingReset;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private int _interrupts;

    internal MmioBed(IVirtioDevice device, GuestMemory? memory = null, TimeSpan? stopTimeout = null)
    {
        Memory = memory ?? GuestMemory.Allocate(1 << 20);
        Transport = new VirtioMmioTransport(device, Memory, () => Interlocked.Increment(ref _interrupts), "test")
        {
            OnFailure = Failures.Enqueue,
            StopTimeout = stopTimeout ?? Patience,
        };
    }

    internal GuestMemory Memory { get; }

    internal VirtioMmioTransport Transport { get; }

    internal ConcurrentQueue<string> Failures { get; } = [];

    internal int Interrupts => Volatile.Read(ref _interrupts);

    internal uint this[int register]
    {
        get
        {
            Span<byte> bytes = stackalloc byte[4];
            Transport.Read((uint)register, bytes);
            return BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        }

        set
        {
            Span<byte> bytes = stackalloc byte[4];
            BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
            Transport.Write((uint)register, bytes);
        }
    }

    internal static void Eventually(Func<bool> condition) => SpinWait.SpinUntil(condition, Patience).ShouldBeTrue();

    /// <summary>Resets the device and begins with it anew.</summary>
    internal void Start(ulong features = RingFeatures)
    {
        this[Register.Status] = 0;
        this[Register.Status] = 1;
        this[Register.Status] = 3;
        for (uint i = 0; i < 2; i++)
        {
            this[Register.DriverFeaturesSelect] = i;
            this[Register.DriverFeatures] = (uint)(features >> (int)(32 * i));
        }

        this[Register.Status] = 11;
        (this[Register.Status] & 8).ShouldBe(8U);
        this[Register.Status] = 15;
    }

    /// <summary>Sets a queue up.</summary>
    internal VirtQueueDriver SetUp(int queue, ulong at, ushort size = 8, VirtQueueFeatures ring = VirtQueueFeatures.None)
    {
        var driver = new VirtQueueDriver(Memory, at, size, ring);
        this[Register.QueueSelect] = (uint)queue;
        this[Register.QueueReady].ShouldBe(0U);
        this[Register.QueueSize] = size;
        WriteAddress(Register.QueueDescriptorsLow, driver.Layout.DescriptorTable);
        WriteAddress(Register.QueueDriverLow, driver.Layout.AvailableRing);
        WriteAddress(Register.QueueDeviceLow, driver.Layout.UsedRing);
        this[Register.QueueReady] = 1;
        this[Register.QueueReady].ShouldBe(1U);
        return driver;
    }

    internal void Submit(int queue, VirtQueueDriver driver, ulong buffer = Data)
    {
        driver.TryAdd([], [new ChainSegment(buffer, 64)], out _).ShouldBeTrue();
        this[Register.QueueNotify] = (uint)queue;
    }

    /// <summary>Has a request done, and looks whether it was.</summary>
    internal void Serve(int queue, VirtQueueDriver driver, ulong buffer = Data)
    {
        Memory.Clear(buffer, 64);
        Submit(queue, driver, buffer);
        Collect(driver);
        Memory.ReadByte(buffer + 63).ShouldBe((byte)0xAB);
    }

    internal void Collect(VirtQueueDriver driver)
    {
        VirtQueueCompletion completion = default;
        Eventually(() => driver.TryCollect(out completion));
        completion.Written.ShouldBe(64U);
    }

    /// <summary>Resets a queue, and waits until that is over.</summary>
    internal void Reset(int queue)
    {
        this[Register.QueueSelect] = (uint)queue;
        this[Register.QueueReset] = 1;
        AwaitReset(queue);
    }

    internal void AwaitReset(int queue)
    {
        Eventually(() =>
        {
            this[Register.QueueSelect] = (uint)queue;
            return this[Register.QueueReset] == 0;
        });
        this[Register.QueueReady].ShouldBe(0U);
    }

    public void Dispose()
    {
        Transport.Dispose();
        Memory.Dispose();
    }

    private void WriteAddress(int register, GuestAddress address)
    {
        this[register] = (uint)address.Value;
        this[register + 4] = (uint)(address.Value >> 32);
    }
}
