using Hyperspan.Interop.Linux;

namespace Hyperspan.Kvm;

/// <content>What the kernel keeps beside processors and memory.</content>
public sealed unsafe partial class KvmPartition
{
    // struct kvm_irqchip, of the two 8259 and of the I/O APIC; struct kvm_pit_state2; struct kvm_clock_data.
    private const int ControllerLength = 520;
    private const int Controllers = 3;
    private const int TimerLength = 112;
    private const int ClockLength = 48;

    /// <summary>Saves interrupt controllers, timer and clock, as far as there are any. While no processor runs.</summary>
    /// <returns>The state, for <see cref="RestoreState"/> of a partition with the same options.</returns>
    /// <exception cref="KvmException">The kernel refused.</exception>
    /// <exception cref="ObjectDisposedException">The partition has been disposed.</exception>
    public byte[] SaveState()
    {
        var state = new StateWriter();
        if (HasInterruptController)
        {
            byte[] controllers = new byte[Controllers * ControllerLength];
            fixed (byte* at = controllers)
            {
                for (int i = 0; i < Controllers; i++)
                {
                    // SAFETY: inside the array; the first field says which.
                    *(uint*)(at + (i * ControllerLength)) = (uint)i;
                    Request(KvmRequest.GetIrqchip, at + (i * ControllerLength), "KVM_GET_IRQCHIP");
                }
            }

            state.Add(StateItem.InterruptControllers, controllers);
        }

        byte* buffer = stackalloc byte[TimerLength];
        if (HasIntervalTimer)
        {
            Request(KvmRequest.GetPit2, buffer, "KVM_GET_PIT2");

            // SAFETY: the structure's length.
            state.Add(StateItem.IntervalTimer, new ReadOnlySpan<byte>(buffer, TimerLength));
        }

        Request(KvmRequest.GetClock, buffer, "KVM_GET_CLOCK");
        state.Add(StateItem.Clock, *(ulong*)buffer);
        return state.ToArray();
    }

    /// <summary>Restores interrupt controllers, timer and clock, before the first run of a processor.</summary>
    /// <param name="state">What <see cref="SaveState"/> gave.</param>
    /// <exception cref="InvalidStateException">It is damaged, or of a partition with other options.</exception>
    /// <exception cref="KvmException">The kernel refused a part, which the message names.</exception>
    /// <exception cref="ObjectDisposedException">The partition has been disposed.</exception>
    public void RestoreState(ReadOnlyMemory<byte> state)
    {
        var reader = new StateReader($"the partition '{Name}'", state);
        if (reader.Has(StateItem.InterruptControllers) != HasInterruptController || reader.Has(StateItem.IntervalTimer) != HasIntervalTimer)
        {
            throw new InvalidStateException($"the state of the partition '{Name}' is of one with other interrupt controllers or timers");
        }

        if (HasInterruptController)
        {
            byte[] controllers = reader.Bytes(StateItem.InterruptControllers, Controllers * ControllerLength).ToArray();
            fixed (byte* at = controllers)
            {
                for (int i = 0; i < Controllers; i++)
                {
                    // SAFETY: inside the array; the first field says which, and not what the state says.
                    *(uint*)(at + (i * ControllerLength)) = (uint)i;
                    Request(KvmRequest.SetIrqchip, at + (i * ControllerLength), "KVM_SET_IRQCHIP");
                }
            }
        }

        if (HasIntervalTimer)
        {
            byte[] timer = reader.Bytes(StateItem.IntervalTimer, TimerLength).ToArray();
            fixed (byte* at = timer)
            {
                Request(KvmRequest.SetPit2, at, "KVM_SET_PIT2");
            }
        }

        // The time alone, without flags: it goes on from there.
        ulong* clock = stackalloc ulong[ClockLength / sizeof(ulong)];
        new Span<ulong>(clock, ClockLength / sizeof(ulong)).Clear();
        *clock = reader.Value<ulong>(StateItem.Clock);
        Request(KvmRequest.SetClock, clock, "KVM_SET_CLOCK");
    }
}
