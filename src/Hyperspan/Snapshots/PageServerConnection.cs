using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;

using Hyperspan.Interop.Linux;
using Hyperspan.UserFaults;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Snapshots;

/// <summary>One monitor that is served. Whatever it sends harms nobody but itself: pages are put into its own memory alone, by its own descriptor.</summary>
internal sealed unsafe class PageServerConnection : IDisposable
{
    private const int LongestMessage = 64 << 10;
    private const int MostMappings = 64;
    private const int MostWaiting = 1 << 16;
    private const int MostEventsAtOnce = 1024;
    private const int PollMilliseconds = 200;
    private const int HandshakeMilliseconds = 10_000;
    private const ulong SmallPage = 4096;
    private const ulong LargePage = 2 << 20;

    // Of a process: 2^47 on x86-64, 2^48 on arm64, 2^56 at most.
    private const ulong HighestAddress = 1UL << 56;

    private readonly SafeHandle _socket;
    private readonly UserFaultDescriptor _descriptor;
    private readonly ServedMapping[] _mappings;
    private readonly MemoryFileLayout _layout;
    private readonly SnapshotImage _image;
    private readonly Queue<ulong> _waiting = new();
    private readonly byte[] _page = new byte[LargePage];
    private ulong _pages;

    private PageServerConnection(SafeHandle socket, UserFaultDescriptor descriptor, ServedMapping[] mappings, MemoryFileLayout layout, SnapshotImage image)
    {
        _socket = socket;
        _descriptor = descriptor;
        _mappings = mappings;
        _layout = layout;
        _image = image;
    }

    /// <summary>Receives the message that begins it.</summary>
    /// <exception cref="IOException">It is not what the protocol has.</exception>
    internal static PageServerConnection Accept(SafeHandle socket, GuestMemorySnapshot snapshot, CancellationToken cancellationToken)
    {
        SnapshotImage image = snapshot.Image();
        var layout = new MemoryFileLayout(image.Regions, snapshot.Path);
        SafeFileHandle? file = null;
        try
        {
            byte[] text = Receive(socket, ref file, cancellationToken);
            if (file is null)
            {
                throw new IOException("The monitor sent no descriptor.");
            }

            if (!IsUserFault(file))
            {
                throw new IOException("The monitor sent a descriptor that is no userfaultfd.");
            }

            return new PageServerConnection(socket, UserFaultDescriptor.OfPeer(file), Parse(text, layout.Length), layout, image);
        }
        catch
        {
            file?.Dispose();
            throw;
        }
    }

    public void Dispose() => _descriptor.Dispose();

    /// <summary>Puts pages in place until the monitor is gone.</summary>
    internal ulong Run(CancellationToken cancellationToken)
    {
        byte* message = stackalloc byte[UserFaultDescriptor.MessageLength];
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!Wait(_waiting.Count > 0 ? 1 : PollMilliseconds, out bool hasEvents))
            {
                return _pages;
            }

            // Events first: while one of a change is unread, no page can be put in place. A monitor that makes them without end is left by cancellation all the same.
            for (int i = 0; hasEvents && i < MostEventsAtOnce && _descriptor.TryReadMessage(message); i++)
            {
                Take(message);
            }

            for (int left = _waiting.Count; left > 0; left--)
            {
                ulong address = _waiting.Dequeue();
                if (!TryPlace(address, out bool isGone))
                {
                    if (isGone)
                    {
                        return _pages;
                    }

                    _waiting.Enqueue(address);
                }
            }
        }
    }

    private void Take(byte* message)
    {
        ulong first = *(ulong*)(message + 8);
        ulong second = *(ulong*)(message + 16);
        switch (message[0])
        {
            case LinuxConstants.UFFD_EVENT_PAGEFAULT when Find(second) is not null && _waiting.Count < MostWaiting:
                _waiting.Enqueue(second);
                break;
            case LinuxConstants.UFFD_EVENT_FORK:
                // With the event comes a descriptor for the pages of the child, which nobody serves.
                new SafeFileHandle((int)(uint)first, ownsHandle: true).Dispose();
                break;
            case LinuxConstants.UFFD_EVENT_REMOVE or LinuxConstants.UFFD_EVENT_UNMAP:
                foreach (ServedMapping mapping in _mappings)
                {
                    ulong from = Math.Max(first, mapping.Address);
                    ulong to = Math.Min(second, mapping.Address + mapping.Length);
                    if (from < to)
                    {
                        mapping.Remove(from - mapping.Address, to - mapping.Address);
                    }
                }

                break;
        }
    }

    /// <summary>Puts the page at an address in place. False where it has to be tried again, or nobody is there any more.</summary>
    private bool TryPlace(ulong address, out bool isGone)
    {
        isGone = false;
        ServedMapping mapping = Find(address)!;
        ulong within = (address - mapping.Address) & ~(mapping.PageSize - 1);
        byte* target = (byte*)(mapping.Address + within);
        Span<byte> page = _page.AsSpan(0, (int)mapping.PageSize);
        int error;
        bool isPoisoned = false;
        try
        {
            bool isZero = Read(mapping, within, page);
            error = isZero && mapping.PageSize == PageMath.HostPageSize ? _descriptor.Zero(target, mapping.PageSize) : _descriptor.Copy(target, page, mapping.PageSize);
        }
        catch (IOException)
        {
            error = _descriptor.Poison(target, mapping.PageSize);
            if (error is not (0 or ErrorNumber.TryAgain or ErrorNumber.NoEntry))
            {
                throw;
            }

            isPoisoned = true;
        }

        switch (error)
        {
            case 0:
                _pages += isPoisoned ? 0UL : 1UL;
                return true;
            case ErrorNumber.TryAgain:
                return false;
            case ErrorNumber.NoEntry:
                // Unmapped meanwhile, or replaced by memory of its own: the kernel does not wake who has been waiting for a page there.
                _descriptor.Wake(target, mapping.PageSize);
                return true;
            default:
                isGone = true;
                return false;
        }
    }

    /// <summary>Reads a page of the monitor's; says whether all of it is zero.</summary>
    private bool Read(ServedMapping mapping, ulong within, Span<byte> page)
    {
        page.Clear();
        bool isZero = true;
        for (ulong done = 0; done < (ulong)page.Length; done += SmallPage)
        {
            if (mapping.IsRemoved(within + done) || !_layout.TryPageAt(mapping.Offset + within + done, out ulong number))
            {
                continue;
            }

            ulong bit = 1UL << (int)(number % SnapshotFormat.ChunkPages);
            ulong chunk = number / SnapshotFormat.ChunkPages;
            if ((_image.PagesOf(chunk) & bit) != 0)
            {
                _image.Read(chunk, bit, page.Slice((int)done, (int)SmallPage));
                isZero = false;
            }
        }

        return isZero;
    }

    private ServedMapping? Find(ulong address) => Array.Find(_mappings, mapping => address - mapping.Address < mapping.Length);

    /// <summary>Waits for events. False when the monitor has closed its socket.</summary>
    private bool Wait(int milliseconds, out bool hasEvents)
    {
        PollEntry* entries = stackalloc PollEntry[2];
        entries[0] = new PollEntry { Descriptor = _descriptor.Number, Events = PollEvents.In };
        entries[1] = new PollEntry { Descriptor = (int)_socket.DangerousGetHandle(), Events = PollEvents.In };

        // SAFETY: both entries are on this stack; their descriptors are open for as long as this object and its caller's socket.
        int count = LibC.Poll(entries, 2, milliseconds);
        hasEvents = count > 0 && entries[0].Returned != PollEvents.None;
        GC.KeepAlive(_socket);
        if (hasEvents && (entries[0].Returned & PollEvents.In) == 0)
        {
            throw new IOException("The monitor has changed its descriptor to one that is waited on, or has closed what it was for.");
        }

        return count <= 0 || entries[1].Returned == PollEvents.None || !IsClosed();
    }

    private bool IsClosed()
    {
        byte* ignored = stackalloc byte[64];
        IoVector part = new(ignored, 64);
        SocketMessage message = new() { Parts = &part, PartCount = 1 };
        nint count = LibC.Recvmsg(_socket, &message, MessageFlags.DontWait);
        return count == 0 || (count < 0 && Marshal.GetLastPInvokeError() is not (ErrorNumber.TryAgain or ErrorNumber.Interrupted));
    }

    /// <summary>Whether what is read from it are events of the kernel's, and nothing that somebody has written: no path begins like this.</summary>
    private static bool IsUserFault(SafeFileHandle file) =>
        new FileInfo(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{(int)file.DangerousGetHandle()}")).LinkTarget is "anon_inode:[userfaultfd]";

    private static byte[] Receive(SafeHandle socket, ref SafeFileHandle? file, CancellationToken cancellationToken)
    {
        byte[] text = new byte[LongestMessage];
        int length = 0;
        long end = Environment.TickCount64 + HandshakeMilliseconds;
        byte* control = stackalloc byte[ControlHeader.SpaceFor(1)];
        fixed (byte* start = text)
        {
            while (length < text.Length)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (Environment.TickCount64 > end)
                {
                    break;
                }

                PollEntry entry = new() { Descriptor = (int)socket.DangerousGetHandle(), Events = PollEvents.In };
                if (LibC.Poll(&entry, 1, PollMilliseconds) <= 0)
                {
                    continue;
                }

                IoVector part = new(start + length, (nuint)(text.Length - length));

                // Without what pads it: a second descriptor would fit in there, and nobody would close it.
                SocketMessage message = new() { Parts = &part, PartCount = 1, Control = control, ControlLength = ControlHeader.Size + sizeof(int) };

                // SAFETY: the text is pinned, the control buffer on this stack; both have the lengths they are said to have.
                nint count = LibC.Recvmsg(socket, &message, MessageFlags.DontWait | MessageFlags.CloseOnExec);
                if (count < 0 && Marshal.GetLastPInvokeError() is ErrorNumber.TryAgain or ErrorNumber.Interrupted)
                {
                    continue;
                }

                if (count <= 0)
                {
                    break;
                }

                file = Take(message, file);
                length += (int)count;
                if (IsComplete(text.AsSpan(0, length)))
                {
                    return text[..length];
                }
            }
        }

        throw new IOException("The monitor did not say what is to be served.");
    }

    private static SafeFileHandle? Take(SocketMessage message, SafeFileHandle? before)
    {
        if (message.ControlLength < ControlHeader.Size + sizeof(int))
        {
            return before;
        }

        // SAFETY: the kernel wrote a header and a descriptor there: the length says so.
        var header = (ControlHeader*)message.Control;
        if (header->Level != LinuxConstants.SOL_SOCKET || header->Type != LinuxConstants.SCM_RIGHTS || header->Length < ControlHeader.Size + sizeof(int))
        {
            return before;
        }

        before?.Dispose();
        return new SafeFileHandle(*(int*)(message.Control + ControlHeader.Size), ownsHandle: true);
    }

    private static bool IsComplete(ReadOnlySpan<byte> text)
    {
        try
        {
            var reader = new Utf8JsonReader(text, isFinalBlock: false, default);
            return reader.TrySkip() && reader.Read() && reader.TrySkip();
        }
        catch (JsonException)
        {
            // What is wrong with it is said when it is parsed.
            return true;
        }
    }

    private static ServedMapping[] Parse(byte[] text, ulong length)
    {
        var mappings = new List<ServedMapping>();
        ulong left = PageMath.RoundUp(length, LargePage);
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            foreach (JsonElement element in document.RootElement.EnumerateArray())
            {
                ulong pageSize = element.TryGetProperty("page_size", out JsonElement size) || element.TryGetProperty("page_size_kib", out size)
                    ? size.GetUInt64()
                    : PageMath.HostPageSize;
                ulong address = element.GetProperty("base_host_virt_addr").GetUInt64();
                ulong bytes = element.GetProperty("size").GetUInt64();
                ulong offset = element.GetProperty("offset").GetUInt64();
                bool isPossible = (pageSize == PageMath.HostPageSize || pageSize == LargePage) && bytes != 0 && (address | bytes | offset) % pageSize == 0
                    && offset <= length && bytes <= PageMath.RoundUp(length, pageSize) - offset && bytes <= left
                    && address <= HighestAddress && bytes <= PageMath.MaximumLength
                    && mappings.Count < MostMappings && !mappings.Exists(other => address < other.Address + other.Length && other.Address < address + bytes);
                if (!isPossible)
                {
                    throw new IOException("The monitor's mappings are not those of this memory.");
                }

                left -= bytes;
                mappings.Add(new ServedMapping(address, bytes, offset, pageSize, new ulong[(bytes >> 18) + 1]));
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            throw new IOException("The monitor's message is no list of mappings.", e);
        }

        return mappings.Count > 0 ? [.. mappings] : throw new IOException("The monitor named no mapping.");
    }
}
