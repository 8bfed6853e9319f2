using System.Runtime.InteropServices;

namespace Hyperspan.Kvm;

/// <content>The state of the port, for a machine that is saved.</content>
public sealed partial class SerialPort
{
    internal void Save(StateWriter state)
    {
        lock (_lock)
        {
            state.Add(StateItem.Serial, new Registers(_enabled, _lineControl, _modemControl, _scratch, _divisor, _fifo ? (byte)1 : (byte)0, _sentPending ? (byte)1 : (byte)0));
            state.Add(StateItem.SerialOutput, _output.ToArray());
            state.Add(StateItem.SerialInput, _input.ToArray());
        }
    }

    /// <summary>Takes the state of a port that was saved. Nobody uses this one yet.</summary>
    internal void Restore(StateReader state)
    {
        ReadOnlySpan<byte> output = state.Bytes(StateItem.SerialOutput);
        ReadOnlySpan<byte> input = state.Bytes(StateItem.SerialInput);
        if (output.Length > Capacity || input.Length > Capacity)
        {
            throw state.Damaged(StateItem.Serial);
        }

        Registers registers = state.Value<Registers>(StateItem.Serial);
        lock (_lock)
        {
            (_enabled, _lineControl, _modemControl) = ((byte)(registers.Enabled & 0x0f), registers.LineControl, (byte)(registers.ModemControl & 0x1f));
            (_scratch, _divisor, _fifo, _sentPending) = (registers.Scratch, registers.Divisor, registers.Fifo != 0, registers.SentPending != 0);
            foreach (byte value in output)
            {
                _output.Enqueue(value);
            }

            foreach (byte value in input)
            {
                _input.Enqueue(value);
            }

            if (_output.Count > 0)
            {
                Release(_hasOutput);
            }
        }
    }

    /// <summary>Raises the interrupt again, where one is asked for: the edge may have been lost between the line and the controller.</summary>
    internal void RaiseAgain()
    {
        bool raise;
        lock (_lock)
        {
            raise = Pending();
        }

        if (raise)
        {
            _interrupt();
        }
    }

    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    private readonly record struct Registers(
        byte Enabled, byte LineControl, byte ModemControl, byte Scratch, ushort Divisor, byte Fifo, byte SentPending);
}
