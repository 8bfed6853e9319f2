using System.Runtime.InteropServices;
using System.Text;

using Hyperspan.Interop.Linux;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.VhostUser.Interop;

/// <summary>
/// An event that is a descriptor: our own eventfd(2), or one that a peer gave us, which may also be an end of a pipe or a socket. Signalling writes eight bytes, whose
/// value means nothing to the protocol.
/// </summary>
/// <remarks>All methods may be called from any thread, also while another one disposes it: then they do nothing.</remarks>
internal sealed unsafe class EventDescriptor : IDisposable
{
    // A peer that fills the event as fast as it is emptied keeps a thread of ours, not this one.
    private const int MostTries = 50;

    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(20);

    private static bool LacksNoWait;

    private readonly bool _isSocket;
    private readonly bool _isPipe;
    private readonly UnclosedDescriptors? _unclosed;

    internal EventDescriptor(SafeFileHandle handle, DescriptorKind kind = DescriptorKind.Event, UnclosedDescriptors? unclosed = null)
    {
        Handle = handle;
        _unclosed = unclosed;
        _isSocket = kind == DescriptorKind.Socket;
        _isPipe = kind == DescriptorKind.Pipe;
    }

    /// <summary>Gets or sets a value indicating whether the kernel has no writes to pipes that never wait: before 6.4.</summary>
    internal static bool LacksNoWaitWrites { get; set; }

    internal SafeFileHandle Handle { get; }

    /// <summary>Makes an eventfd.</summary>
    /// <exception cref="IOException">There are too many open files.</exception>
    internal static EventDescriptor Create() => new(EventCounter.Create());

    /// <summary>Tells what a descriptor refers to, by the name the kernel gives it.</summary>
    internal static DescriptorKind KindOf(SafeFileHandle handle)
    {
        byte* buffer = stackalloc byte[64];
        using var held = new HeldDescriptor(handle);

        // SAFETY: the buffer has the length it is said to have.
        nint length = LibC.Readlink($"/proc/self/fd/{held.Number}", buffer, 64);
        string name = length > 0 ? Encoding.UTF8.GetString(buffer, (int)length) : "";
        return name == "anon_inode:[eventfd]" ? DescriptorKind.Event
            : name.StartsWith("pipe:[", StringComparison.Ordinal) ? DescriptorKind.Pipe
            : name.StartsWith("socket:[", StringComparison.Ordinal) ? DescriptorKind.Socket
            : DescriptorKind.Other;
    }

    /// <summary>
    /// Sees to it that signalling and draining do not wait; on a socket they never do, on a pipe where the kernel can. The peer shares the flag and can take it back: see
    /// <see cref="UnblockWriter"/> for what is done about that.
    /// </summary>
    internal void MakeNonBlocking()
    {
        if (_isSocket)
        {
            return;
        }

        int flags = LibC.Fcntl(Handle, FileCommand.GetFlags, 0);
        if (flags >= 0)
        {
            _ = LibC.Fcntl(Handle, FileCommand.SetFlags, flags | (int)OpenFlags.NonBlocking);
        }
    }

    /// <summary>Signals. An event that is signalled as far as it can be stays so.</summary>
    /// <returns>Whether it could be written, or was full.</returns>
    internal bool Signal()
    {
        ulong one = 1;
        try
        {
            nint written;
            do
            {
                written = _isSocket ? Transfer(&one, send: true) : WriteNow(&one);
            }
            while (ErrorNumber.IsInterrupted(written));

            return written >= 0 || Marshal.GetLastPInvokeError() == ErrorNumber.TryAgain;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>
    /// Signals an event that a peer shares, without being kept by it: it may fill the event and make it blocking between any two steps of ours. So another thread
    /// writes, and is freed until it is through, or left to the peer after a second.
    /// </summary>
    internal void SignalSupervised()
    {
        try
        {
            if (_isSocket)
            {
                Signal();
                return;
            }

            if (IsFull())
            {
                return;
            }

            var writer = new Thread(() => Signal()) { IsBackground = true, Name = "vhost-user signal" };
            writer.Start();
            for (int tries = 0; !writer.Join(Patience) && tries < MostTries; tries++)
            {
                UnblockWriter();
            }
        }
        catch (Exception e) when (e is ObjectDisposedException or OutOfMemoryException or ThreadStartException)
        {
            // Without a thread the peer's event is not signalled: that harms nobody but the peer.
        }
    }

    /// <summary>Resets the event, or takes one signal off a pipe. Does not wait, whatever the peer does to the flags.</summary>
    /// <returns>Whether there is still somebody who may signal: not so at the end of a pipe.</returns>
    internal bool Drain()
    {
        ulong count;
        return Take(&count, sizeof(ulong));
    }

    /// <summary>Lets a thread of ours go on that a hostile peer keeps in <see cref="Signal"/>: a full event made blocking.</summary>
    internal void UnblockWriter()
    {
        if (_isSocket)
        {
            return;
        }

        // A full pipe has no room for anything before a whole page of the system's has been taken from it.
        byte* page = stackalloc byte[GuestAddress.PageSize];
        int wanted = _isPipe ? 2 * Environment.SystemPageSize : GuestAddress.PageSize;
        MakeNonBlocking();
        for (int taken = 0; taken < wanted; taken += GuestAddress.PageSize)
        {
            Take(page, GuestAddress.PageSize);
        }
    }

    private bool Take(void* buffer, int length)
    {
        try
        {
            nint read;
            do
            {
                read = _isSocket ? Transfer((ulong*)buffer, send: false) : ReadNow(buffer, length);
            }
            while (ErrorNumber.IsInterrupted(read));

            return read > 0 || (read < 0 && Marshal.GetLastPInvokeError() == ErrorNumber.TryAgain);
        }
        catch (ObjectDisposedException)
        {
            return true;
        }
    }

    /// <summary>
    /// Lets a thread of ours go on that a hostile peer keeps in <see cref="Drain"/>, where the kernel has no reads that never wait (before 5.8; pipes, 6.4).
    /// </summary>
    internal void UnblockReader()
    {
        if (LacksNoWait)
        {
            MakeNonBlocking();
            SignalSupervised();
        }
    }

    public void Dispose()
    {
        if (_unclosed is not null)
        {
            PeerDescriptor.Close([Handle], _unclosed);
        }
        else
        {
            Handle.Dispose();
        }
    }

    /// <summary>Sends or receives eight bytes without waiting, whatever flags the peer has set.</summary>
    private nint Transfer(ulong* word, bool send)
    {
        var vector = new IoVector(word, sizeof(ulong));
        var message = new SocketMessage { Parts = &vector, PartCount = 1 };

        // SAFETY: eight bytes of the caller's stack; the message and its vector are on this one.
        return send
            ? LibC.Sendmsg(Handle, &message, MessageFlags.DontWait | MessageFlags.NoSignal)
            : LibC.Recvmsg(Handle, &message, MessageFlags.DontWait | MessageFlags.CloseOnExec);
    }

    private bool IsFull()
    {
        using var held = new HeldDescriptor(Handle);
        var entry = new PollEntry { Descriptor = held.Number, Events = PollEvents.Out };

        // SAFETY: one entry on this stack.
        return LibC.Poll(&entry, 1, 0) == 0;
    }

    /// <summary>Writes eight bytes; to a pipe without waiting, whatever flags the peer has set, where the kernel can.</summary>
    private nint WriteNow(ulong* word)
    {
        if (_isPipe && !LacksNoWaitWrites)
        {
            var vector = new IoVector(word, sizeof(ulong));
            try
            {
                // SAFETY: eight bytes of the caller's stack.
                nint written = LibC.Pwritev2(Handle, &vector, 1, -1, LinuxConstants.RWF_NOWAIT);
                if (written >= 0 || Marshal.GetLastPInvokeError() != ErrorNumber.NotSupported)
                {
                    return written;
                }
            }
            catch (EntryPointNotFoundException)
            {
            }

            LacksNoWaitWrites = true;
        }

        // SAFETY: as above.
        return LibC.Write(Handle, word, sizeof(ulong));
    }

    private nint ReadNow(void* buffer, int length)
    {
        if (!Volatile.Read(ref LacksNoWait))
        {
            var vector = new IoVector(buffer, (nuint)length);
            try
            {
                // SAFETY: so many bytes of the caller's stack.
                nint read = LibC.Preadv2(Handle, &vector, 1, -1, LinuxConstants.RWF_NOWAIT);
                if (read >= 0 || Marshal.GetLastPInvokeError() != ErrorNumber.NotSupported)
                {
                    return read;
                }
            }
            catch (EntryPointNotFoundException)
            {
            }

            Volatile.Write(ref LacksNoWait, true);
        }

        // SAFETY: as above.
        return LibC.Read(Handle, buffer, (nuint)length);
    }
}
