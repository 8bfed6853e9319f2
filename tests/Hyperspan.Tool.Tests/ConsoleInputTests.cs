using System.Collections.Concurrent;
using System.Text;

using Hyperspan.Kvm;
using Hyperspan.Tool.Run;

namespace Hyperspan.Tool.Tests;

/// <summary>What is typed reaches the machine that runs: nothing is dropped while somebody may take it, and a machine that has gone holds up nobody.</summary>
public sealed class ConsoleInputTests : IDisposable
{
    private const int Capacity = 1 << 16;

    private readonly Typed _typed = new();

    public void Dispose() => _typed.Dispose();

    [Fact]
    public async Task What_an_old_machine_does_not_take_does_not_hold_up_what_is_typed_for_the_next()
    {
        var first = new SerialPort(static () => { });
        var second = new SerialPort(static () => { });
        var input = new ConsoleInput(_typed);
        input.LeadTo(first.WriteAsync);
        _typed.Add(new string('x', Capacity + 10));
        await Until(() => Ready(first) && _typed.IsTaken);
        input.LeadTo(second.WriteAsync);
        _typed.Add("login");

        // What was in no machine yet is for the second: the last ten at most.
        var taken = new StringBuilder();
        while (taken.Length < "login".Length || taken.ToString(taken.Length - "login".Length, "login".Length) != "login")
        {
            await Until(() => Ready(second));
            taken.Append(Take(second, 1)).Length.ShouldBeLessThanOrEqualTo(10 + "login".Length);
        }
    }

    [Fact]
    public async Task What_is_typed_while_there_is_no_machine_is_for_the_next()
    {
        var input = new ConsoleInput(_typed);
        input.LeadTo(new SerialPort(static () => { }).WriteAsync);
        input.LeadTo(null);
        _typed.Add("between");
        await Until(() => _typed.IsTaken);
        var port = new SerialPort(static () => { });
        input.LeadTo(port.WriteAsync);
        await Until(() => Ready(port));
        Take(port, "between".Length).ShouldBe("between");
    }

    [Fact]
    public async Task Of_what_is_sent_faster_than_it_is_taken_nothing_is_dropped()
    {
        var port = new SerialPort(static () => { });
        new ConsoleInput(_typed).LeadTo(port.WriteAsync);
        string sent = string.Concat(Enumerable.Range(0, 30_000).Select(i => $"{i},"));
        _typed.Add(sent);
        _typed.Gone = false;
        var taken = new StringBuilder();
        while (taken.Length < sent.Length)
        {
            await Until(() => Ready(port));
            taken.Append(Take(port, 1));
        }

        taken.ToString().ShouldBe(sent);
    }

    [Fact]
    public async Task A_sender_that_goes_makes_room_for_the_next()
    {
        var port = new SerialPort(static () => { });
        new ConsoleInput(_typed).LeadTo(port.WriteAsync);
        _typed.Add(new string('x', Capacity + 10));
        await Until(() => Ready(port));
        _typed.Add("next");
        _typed.Gone = true;
        await Until(() => _typed.IsTaken);
    }

    [Fact]
    public async Task A_receiver_that_fails_does_not_end_the_process()
    {
        var input = new ConsoleInput(_typed);
        int calls = 0;
        input.LeadTo((_, _) =>
        {
            calls++;
            return ValueTask.FromException(new InvalidOperationException("no more"));
        });
        _typed.Add("lost");
        await Until(() => Volatile.Read(ref calls) > 0);
        var port = new SerialPort(static () => { });
        input.LeadTo(port.WriteAsync);
        _typed.Add("kept");
        await Until(() => Ready(port));
        Take(port, 4).ShouldBe("kept");
    }

    private static bool Ready(SerialPort port)
    {
        Span<byte> status = stackalloc byte[1];
        port.Read(5, status);
        return (status[0] & 1) != 0;
    }

    /// <summary>Takes bytes as a guest does.</summary>
    private static string Take(SerialPort port, int count)
    {
        byte[] taken = new byte[count];
        for (int i = 0; i < count; i++)
        {
            port.Read(0, taken.AsSpan(i, 1));
        }

        return Encoding.ASCII.GetString(taken);
    }

    private static async Task Until(Func<bool> condition)
    {
        while (!condition())
        {
            await Task.Delay(1);
        }
    }

    /// <summary>Somebody who types.</summary>
    private sealed class Typed : IConsoleEndPoint
    {
        private readonly BlockingCollection<byte[]> _keys = [];
        private byte[] _rest = [];

        public bool HasSenderGone => Gone;

        internal volatile bool Gone;

        internal bool IsTaken => _keys.Count == 0 && Volatile.Read(ref _rest).Length == 0;

        public void Write(ReadOnlySpan<byte> data)
        {
        }

        public int Read(Span<byte> data)
        {
            if (_rest.Length == 0)
            {
                try
                {
                    _rest = _keys.Take();
                }
                catch (Exception e) when (e is InvalidOperationException or ObjectDisposedException)
                {
                    return 0;
                }
            }

            int count = Math.Min(data.Length, _rest.Length);
            _rest.AsSpan(0, count).CopyTo(data);
            Volatile.Write(ref _rest, _rest[count..]);
            return count;
        }

        public void Dispose() => _keys.CompleteAdding();

        internal void Add(string keys) => _keys.Add(Encoding.ASCII.GetBytes(keys));
    }
}
