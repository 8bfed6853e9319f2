using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;

namespace Hyperspan.Kvm;

/// <content>Interrupts.</content>
public sealed unsafe partial class KvmPartition
{
    // Pins of the two 8259 (the third of the first is the second) and of the I/O APIC.
    private const uint PicPins = 8;
    private const uint IoApicPins = 24;
    private const uint LastRoute = 4095;

    private readonly Lock _routeLock = new();
    private Dictionary<uint, (ulong Address, uint Data)> _messages = [];

    /// <summary>Sets the level of an interrupt line.</summary>
    /// <param name="line">The line: 0 to 15 for a pin of both controllers, up to 23 for one of the I/O APIC.</param>
    /// <param name="asserted">Whether it asks for an interrupt.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such line: the kernel would say nothing of it.</exception>
    /// <exception cref="InvalidOperationException">There is no interrupt controller.</exception>
    /// <exception cref="KvmException">The kernel refused.</exception>
    public void SetInterruptLine(uint line, bool asserted)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(line, IoApicPins);
        RequireController();
        var level = new KvmIrqLevel { Irq = line, Level = asserted ? 1u : 0 };
        Request(KvmRequest.IrqLine, &level, "KVM_IRQ_LINE");
    }

    /// <summary>Connects an event to an interrupt line or a route: each signal is an edge. The kernel takes it from there; no thread of this process is woken.</summary>
    /// <param name="source">The event. It stays the caller's.</param>
    /// <param name="line">The line, or the number of a message's route (<see cref="SetMessageRoute"/>).</param>
    /// <returns>The connection; disposing it, or the partition, ends it.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The number is above 4095: there can be nothing that it stands for.</exception>
    /// <exception cref="InvalidOperationException">There is no interrupt controller.</exception>
    /// <exception cref="KvmException">The kernel refused.</exception>
    public IDisposable ConnectInterrupt(EventFile source, uint line)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(line, LastRoute);
        RequireController();
        return Hold(
            source.Handle,
            descriptor => SetInterruptEvent(descriptor, line, flags: 0, $"KVM_IRQFD to line {line}"),
            descriptor => SetInterruptEvent(descriptor, line, KvmIrqfd.Deassign, "KVM_IRQFD"));
    }

    /// <summary>Sends a message-signaled interrupt. A guest may have said what is in it: any address and data are a message.</summary>
    /// <param name="address">The address that a device would write to, from 0xfee00000 on.</param>
    /// <param name="data">What it would write.</param>
    /// <returns>Whether a processor took it; not so where it is masked, or where there is no such processor.</returns>
    /// <exception cref="InvalidOperationException">There is no interrupt controller.</exception>
    /// <exception cref="KvmException">The kernel refused.</exception>
    public bool SendMessage(ulong address, uint data)
    {
        RequireController();
        var message = new KvmMsi { AddressLow = (uint)address, AddressHigh = (uint)(address >> 32), Data = data };
        ObjectDisposedException.ThrowIf(_handle.IsClosed, this);
        int taken = LibC.Ioctl(_handle, KvmRequest.SignalMsi, &message);
        if (taken >= 0)
        {
            return taken > 0;
        }

        // The kernel's -1 is no error's number: nobody has that address, which is what EPERM happens to be.
        int error = Marshal.GetLastPInvokeError();
        return error == ErrorNumber.NotPermitted ? false : throw new KvmException("KVM_SIGNAL_MSI", error);
    }

    /// <summary>Makes a number stand for a message-signaled interrupt, so that an event can be connected to it; or changes what it stands for.</summary>
    /// <param name="route">The number, 24 to 4095.</param>
    /// <param name="address">The address, as for <see cref="SendMessage"/>.</param>
    /// <param name="data">The data.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is none of those.</exception>
    /// <exception cref="InvalidOperationException">There is no interrupt controller.</exception>
    /// <exception cref="KvmException">The kernel refused: there are too many. Nothing has changed.</exception>
    public void SetMessageRoute(uint route, ulong address, uint data)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(route, IoApicPins);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(route, LastRoute);
        RequireController();
        lock (_routeLock)
        {
            SetRoutes(new(_messages) { [route] = (address, data) });
        }
    }

    /// <summary>Takes a route away.</summary>
    /// <param name="route">The number.</param>
    /// <exception cref="KvmException">The kernel refused. Nothing has changed.</exception>
    public void RemoveMessageRoute(uint route)
    {
        lock (_routeLock)
        {
            var messages = new Dictionary<uint, (ulong Address, uint Data)>(_messages);
            if (messages.Remove(route))
            {
                SetRoutes(messages);
            }
        }
    }

    /// <summary>
    /// Tells the kernel the whole table, since it knows no other way: the lines as they are without a table, and the messages, which are kept unless it refuses: it would refuse
    /// all that come after them.
    /// </summary>
    private void SetRoutes(Dictionary<uint, (ulong Address, uint Data)> messages)
    {
        var entries = new List<KvmIrqRoutingEntry>();
        for (uint pin = 0; pin < IoApicPins; pin++)
        {
            if (pin is < 2 * PicPins and not 2)
            {
                entries.Add(new KvmIrqRoutingEntry { Gsi = pin, Type = KvmIrqRoutingEntry.TypeIrqchip, Irqchip = pin / PicPins, Pin = pin % PicPins });
            }

            entries.Add(new KvmIrqRoutingEntry { Gsi = pin, Type = KvmIrqRoutingEntry.TypeIrqchip, Irqchip = 2, Pin = pin });
        }

        foreach ((uint route, (ulong address, uint data)) in messages)
        {
            entries.Add(new KvmIrqRoutingEntry
            {
                Gsi = route,
                Type = KvmIrqRoutingEntry.TypeMsi,
                AddressLow = (uint)address,
                AddressHigh = (uint)(address >> 32),
                Data = data,
            });
        }

        byte[] table = new byte[8 + (entries.Count * sizeof(KvmIrqRoutingEntry))];
        fixed (byte* at = table)
        {
            *(uint*)at = (uint)entries.Count;

            // SAFETY: the array has room for the count and the entries.
            CollectionsMarshal.AsSpan(entries).CopyTo(new Span<KvmIrqRoutingEntry>(at + 8, entries.Count));
            Request(KvmRequest.SetGsiRouting, at, "KVM_SET_GSI_ROUTING");
        }

        _messages = messages;
    }

    private void SetInterruptEvent(int descriptor, uint line, uint flags, string operation)
    {
        var request = new KvmIrqfd { Descriptor = descriptor, Gsi = line, Flags = flags };
        Request(KvmRequest.Irqfd, &request, operation);
    }

    private void RequireController()
    {
        if (!HasInterruptController)
        {
            throw new InvalidOperationException("The partition has no interrupt controller.");
        }
    }
}
