using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;
using Hyperspan.VhostUser.Interop;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.VhostUser;

/// <summary>
/// A device's state on its way over a descriptor of the front end's, by a thread of its own: so that nobody waits for whoever is at the other end. It holds as many bytes as were
/// said, whatever comes.
/// </summary>
internal sealed unsafe class StateTransfer : IDisposable
{
    private readonly SafeFileHandle _file;
    private readonly bool _isSocket;
    private readonly UnclosedDescriptors _unclosed;
    private readonly byte[] _bytes;
    private readonly TimeSpan _patience;
    private readonly EventDescriptor _stop = EventDescriptor.Create();
    private readonly Thread _thread;
    private readonly ManualResetEventSlim _ended = new();
    private int _length;
    private string? _failure = "it has not ended";

    private StateTransfer(SafeFileHandle file, bool isSocket, UnclosedDescriptors unclosed, bool isSave, byte[] bytes, TimeSpan patience)
    {
        (_file, _isSocket, _unclosed, IsSave, _bytes, _patience) = (file, isSocket, unclosed, isSave, bytes, patience);
        _thread = new Thread(Run) { IsBackground = true, Name = "vhost-user state" };
    }

    /// <summary>Gets a value indicating whether this side gives the state away.</summary>
    internal bool IsSave { get; }

    /// <summary>Gets what has been received; once it has ended well.</summary>
    internal ReadOnlySpan<byte> Received => _bytes.AsSpan(0, _length);

    /// <summary>Begins to write a state.</summary>
    /// <param name="descriptor">Where to: one that came with a message; closed when all is written.</param>
    /// <param name="state">The state.</param>
    /// <param name="patience">How long to wait at most until something more can be written.</param>
    /// <exception cref="IOException">There are too many threads or open files.</exception>
    /// <exception cref="ProtocolViolation">The descriptor is not what can carry a state.</exception>
    internal static StateTransfer Save(Descriptors descriptor, byte[] state, TimeSpan patience) => Begin(descriptor, isSave: true, state, patience);

    /// <summary>Begins to read a state.</summary>
    /// <param name="descriptor">Where from, to its end: one that came with a message.</param>
    /// <param name="most">How long it is at most.</param>
    /// <param name="patience">How long to wait at most until something more comes.</param>
    /// <exception cref="IOException">There are too many threads or open files.</exception>
    /// <exception cref="ProtocolViolation">The descriptor is not what can carry a state.</exception>
    internal static StateTransfer Load(Descriptors descriptor, int most, TimeSpan patience) => Begin(descriptor, isSave: false, new byte[most], patience);

    /// <summary>Waits until it has ended.</summary>
    /// <param name="limit">How long at most.</param>
    /// <param name="stop">Ends the wait: this side does not go on for a front end that leaves it open.</param>
    /// <returns>Why it failed, in words; <see langword="null"/> where it did not.</returns>
    internal string? Finish(TimeSpan limit, CancellationToken stop)
    {
        string? unfinished = null;
        try
        {
            unfinished = _ended.Wait(limit, stop) ? null : "the front end does not end it";
        }
        catch (OperationCanceledException)
        {
            unfinished = "the connection ends before it does";
        }

        if (unfinished is not null)
        {
            Stop();
        }

        return unfinished ?? _failure;
    }

    /// <summary>Ends it. Nothing that the front end does holds that up.</summary>
    public void Dispose()
    {
        Stop();
        _stop.Dispose();
        _ended.Dispose();
    }

    private static StateTransfer Begin(Descriptors descriptor, bool isSave, byte[] bytes, TimeSpan patience)
    {
        DescriptorKind kind = EventDescriptor.KindOf(descriptor[0]);
        ProtocolViolation.Unless(kind is DescriptorKind.Pipe or DescriptorKind.Socket, "the descriptor is neither a pipe nor a socket");
        SafeFileHandle file = kind == DescriptorKind.Pipe ? Reopen(descriptor.Take(0), isSave) : descriptor.Take(0);
        StateTransfer? transfer = null;
        try
        {
            transfer = new StateTransfer(file, kind == DescriptorKind.Socket, descriptor.Unclosed, isSave, bytes, patience);
            transfer._thread.Start();
            return transfer;
        }
        catch (Exception e) when (e is OutOfMemoryException or ThreadStartException or IOException)
        {
            transfer?._stop.Dispose();
            transfer?._ended.Dispose();
            PeerDescriptor.Close([file], descriptor.Unclosed);
            throw new IOException("the thread for the device's state cannot be started: no more threads or open files are allowed here", e);
        }
    }

    /// <summary>
    /// Opens the pipe once more, so that whether reading and writing wait is this side's to say: the front end could change that of its own descriptor at any moment.
    /// </summary>
    private static SafeFileHandle Reopen(SafeFileHandle descriptor, bool isSave)
    {
        using (descriptor)
        {
            using var held = new HeldDescriptor(descriptor);
            int opened = LibC.Open($"/proc/self/fd/{held.Number}", (isSave ? OpenFlags.WriteOnly : OpenFlags.ReadOnly) | OpenFlags.NonBlocking | OpenFlags.CloseOnExec);
            if (opened < 0)
            {
                int error = Marshal.GetLastPInvokeError();
                throw error is ErrorNumber.TooManyFiles or ErrorNumber.TooManyFilesOfSystem
                    ? new IOException($"the pipe for the device's state cannot be opened: {ErrorNumber.LastMessage}")
                    : new ProtocolViolation($"the pipe cannot be opened for {(isSave ? "writing" : "reading")}: {ErrorNumber.LastMessage}");
            }

            return new SafeFileHandle(opened, ownsHandle: true);
        }
    }

    private void Stop()
    {
        _stop.Signal();
        _thread.Join();
    }

    private void Run()
    {
        try
        {
            _failure = Transfer();
        }
        catch (IOException e)
        {
            _failure = e.Message;
        }
        finally
        {
            // The end of a state is the end of its file.
            if (_isSocket)
            {
                PeerDescriptor.Close([_file], _unclosed);
            }
            else
            {
                _file.Dispose();
            }

            _ended.Set();
        }
    }

    private string? Transfer()
    {
        while (!IsSave || _length < _bytes.Length)
        {
            nint moved = Move();
            if (moved > 0)
            {
                _length += (int)moved;
                if (!IsSave && _length == _bytes.Length)
                {
                    return $"there are more than {_bytes.Length - 1} bytes";
                }
            }
            else if (moved == 0 && !IsSave)
            {
                return null;
            }
            else if (moved < 0 && Marshal.GetLastPInvokeError() is not (ErrorNumber.TryAgain or ErrorNumber.Interrupted))
            {
                return $"it cannot be {(IsSave ? "written" : "read")}: {ErrorNumber.LastMessage}";
            }
            else if (Waiting.For(_file, IsSave ? PollEvents.Out : PollEvents.In, _stop, (int)_patience.TotalMilliseconds, out PollEvents ready) || ready == PollEvents.None)
            {
                return $"{_length} bytes were {(IsSave ? "taken" : "sent")}, and no more";
            }
        }

        return null;
    }

    private nint Move()
    {
        fixed (byte* bytes = _bytes)
        {
            // SAFETY: the rest of the array, which stays where it is for the call; the message and its vector are on this stack.
            var vector = new IoVector(bytes + _length, (nuint)(_bytes.Length - _length));
            if (!_isSocket)
            {
                return IsSave ? LibC.Write(_file, bytes + _length, (nuint)(_bytes.Length - _length)) : LibC.Read(_file, bytes + _length, (nuint)(_bytes.Length - _length));
            }

            var message = new SocketMessage { Parts = &vector, PartCount = 1 };
            return IsSave
                ? LibC.Sendmsg(_file, &message, MessageFlags.DontWait | MessageFlags.NoSignal)
                : LibC.Recvmsg(_file, &message, MessageFlags.DontWait | MessageFlags.CloseOnExec);
        }
    }
}
