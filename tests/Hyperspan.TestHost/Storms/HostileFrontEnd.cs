using System.Buffers.Binary;
using System.Net.Sockets;
using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;
using Hyperspan.Testing;
using Hyperspan.VhostUser;
using Hyperspan.Virtio;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.TestHost.Storms;

/// <summary>
/// A whole conversation with a back end, by a seed: what a front end says to set memory and rings up, to use them, change them and take them down, most of it in order, and
/// some of it wrong: fields, lengths, flags, messages, descriptors of another kind or number, halves of messages. Its memory is truncated and overwritten while rings run, and
/// what it submits is hostile too.
/// </summary>
internal sealed class HostileFrontEnd : IDisposable
{
    private const uint Version = 1;
    private const uint NeedReply = 8;
    private const ulong Protocol = 1UL << 30;
    private const ulong LogAll = 1UL << 26;
    private const ulong User = 0x7f00_0000_0000;
    private const ulong RingOffset = 0x1000;
    private const ulong RingStep = 0x1_0000;
    private const ulong Available = 0x6000;
    private const ulong Used = 0x8000;

    private static readonly ulong[] Limits =
    [
        0, 1, 2, 0xff, 0xfff, 0x1000, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1UL << 32, 1UL << 48, 1UL << 52, (1UL << 63) - 1, 1UL << 63,
        ulong.MaxValue, ulong.MaxValue - 4095,
    ];

    private static readonly double[] Wrongness = [0, 0.01, 0.03, 0.1];
    private static readonly ushort[] Sizes = [1, 2, 8, 64, 256, 1024];
    private static readonly ulong[] Lengths = [0, 0x1000, 0x8000, 0x3_1000];
    private static readonly uint[] BufferLengths = [512, 4096, 512, 1024, 1, 511, 8192, 4096];
    private static readonly uint[] Types = [0, 1, 0, 1, 4, 8, 11, 13, 99];

    private readonly Random _random;
    private readonly Socket _socket;
    private readonly VhostUserFrontEnd _frontEnd;
    private readonly double _wrongness;
    private readonly List<SafeHandle> _handles = [];
    private readonly List<Socket> _sockets = [];
    private readonly List<VhostUserSharedMemory> _memory = [];
    private readonly HostileQueue?[] _queues = new HostileQueue?[2];
    private readonly bool _reads;
    private ulong _features;
    private VhostUserProtocolFeatures _protocol;
    private Socket? _backEnd;

    internal HostileFrontEnd(string path, int seed)
    {
        _random = new Random(seed);
        _wrongness = Wrongness[_random.Next(Wrongness.Length)];
        _reads = Chance(0.9);
        _socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = 30_000 };
        _socket.Connect(new UnixDomainSocketEndPoint(path));
        _frontEnd = new VhostUserFrontEnd(_socket);
    }

    private bool IsPacked => (_features & VirtioFeatures.PackedRing) != 0;

    private bool IsTranslated => (_features & VirtioFeatures.AccessPlatform) != 0;

    /// <summary>Converses until all is said, or the back end closes the connection.</summary>
    /// <returns>How many steps it came to.</returns>
    internal int Run()
    {
        int steps = 0;
        try
        {
            Begin();
            for (int count = Pick(0, 5, 30, 80); steps < count; steps++)
            {
                Step();
            }
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            // It is closed, as it should be, or a half was all that was to be said.
        }

        return steps;
    }

    public void Dispose()
    {
        _frontEnd.Dispose();
        _backEnd?.Dispose();
        _handles.ForEach(static handle => handle.Dispose());
        _sockets.ForEach(static socket => socket.Dispose());
    }

    private static byte[] Words(params ReadOnlySpan<ulong> words) => MemoryMarshal.AsBytes(words).ToArray();

    private static ulong Pair(uint low, uint high) => low | ((ulong)high << 32);

    private bool Chance(double probability) => _random.NextDouble() < probability;

    private T Pick<T>(params ReadOnlySpan<T> values) => values[_random.Next(values.Length)];

    private T Keep<T>(T handle)
        where T : SafeHandle
    {
        _handles.Add(handle);
        return handle;
    }

    private void Begin()
    {
        ulong offered = AskWord(VhostUserMessage.GetFeatures, otherwise: Protocol | VirtioFeatures.Version1 | VirtioFeatures.PackedRing);
        Say(VhostUserMessage.SetOwner, []);
        _protocol = (VhostUserProtocolFeatures)AskWord(VhostUserMessage.GetProtocolFeatures, otherwise: (ulong)VhostUserProtocolFeatures.All);
        Say(VhostUserMessage.SetProtocolFeatures, Words((ulong)_protocol));
        _features = offered & ~(LogAll | VirtioFeatures.AccessPlatform);
        _features &= Chance(0.5) ? ~0UL : ~VirtioFeatures.PackedRing;
        _features |= offered & (Chance(0.2) ? VirtioFeatures.AccessPlatform : 0) | (offered & (Chance(0.3) ? LogAll : 0));
        Say(VhostUserMessage.SetFeatures, Words(_features));
        if (Chance(0.5))
        {
            SetBackEnd();
        }

        if ((_features & LogAll) != 0)
        {
            SetLog();
        }

        SetMemory();
        if (Chance(0.4))
        {
            SetInflight();
        }

        SetRing(0);
        SetRing(1);
    }

    private void Step()
    {
        int queue = _random.Next(2);
        switch (_random.Next(23))
        {
            case < 6:
                Submit(queue);
                break;
            case 6:
                StopRing(queue);
                break;
            case 7:
                SetRing(queue);
                break;
            case 8:
                Say(VhostUserMessage.SetVringEnable, Words(Pair((uint)queue, (uint)_random.Next(2))));
                break;
            case 9:
                SetMemory();
                break;
            case 10:
                ulong start = (ulong)_random.Next(1, 16) << 32;
                VhostUserSharedMemory added = NewRegion(start, 0x4_0000);
                _memory.Add(added);
                Say(VhostUserMessage.AddMemoryRegion, RegionPayload(added.Region), added.File);
                break;
            case 11 when _memory.Count > 1:
                VhostUserSharedMemory gone = _memory[^1];
                _memory.RemoveAt(_memory.Count - 1);
                Say(VhostUserMessage.RemoveMemoryRegion, RegionPayload(gone.Region), Chance(0.5) ? [gone.File] : []);
                break;
            case 12:
                SetLog();
                break;
            case 13:
                SetBackEnd();
                break;
            case 14:
                Ask(VhostUserMessage.GetConfig, Config(Pick(0u, 8u, 32u, 255u), Pick(0u, 1u, 8u, 60u)));
                break;
            case 15:
                Say(VhostUserMessage.SetConfig, [.. Config(Pick(0u, 32u), 1), (byte)_random.Next(3)]);
                break;
            case 16 when Chance(0.2):
                Say(Chance(0.5) ? VhostUserMessage.ResetDevice : VhostUserMessage.ResetOwner, []);
                break;
            case 17:
                TransferState();
                break;
            case 18 when Chance(0.4):
                _ = LibC.Ftruncate(_memory[_random.Next(_memory.Count)].File, (long)Pick(Lengths));
                KickAll();
                break;
            case 19 when Chance(0.5):
                byte[] bytes = new byte[4096];
                _random.NextBytes(bytes);
                Write(Pick<ulong>(0x1000, 0x7000, 0x9000, 0x1_1000, 0x1_7000, 0x3_6000), bytes);
                KickAll();
                break;
            case 20:
                Say(VhostUserMessage.SetFeatures, Words(_features ^ LogAll));
                break;
            case 21:
                VhostUserMessage message = Pick(VhostUserMessage.SetVringKick, VhostUserMessage.SetVringCall, VhostUserMessage.SetVringError);
                Say(message, Words((ulong)queue), Chance(0.3) ? OtherDescriptor() : Keep(EventCounter.Create()));
                break;
            default:
                AnswerBackEnd();
                break;
        }
    }

    private static byte[] Config(uint offset, uint length)
    {
        byte[] payload = new byte[12];
        BinaryPrimitives.WriteUInt32LittleEndian(payload, offset);
        BinaryPrimitives.WriteUInt32LittleEndian(payload.AsSpan(4), length);
        return payload;
    }

    private static byte[] RegionPayload(in VhostUserMemoryRegion region) => Words(0, region.GuestAddress, region.Size, region.UserAddress, region.FileOffset);

    private SafeFileHandle NewMemory(ulong length)
    {
        var file = new SafeFileHandle(LibC.MemfdCreate("hostile", MemoryFileFlags.CloseOnExec | MemoryFileFlags.AllowSealing), ownsHandle: true);
        _ = LibC.Ftruncate(file, (long)length);
        return Keep(file);
    }

    private VhostUserSharedMemory NewRegion(ulong start, ulong length) => new(new VhostUserMemoryRegion(start, length, User + start, 0), NewMemory(length));

    private void SetMemory()
    {
        // The rings lie in the first one, which stays mostly.
        VhostUserSharedMemory first = _memory.Count != 0 && Chance(0.9) ? _memory[0] : NewRegion(0, Pick<ulong>(1 << 20, 1 << 20, 0x4_0000, 0x4_1000));
        _memory.Clear();
        _memory.Add(first);
        for (int left = Pick(0, 0, 1, 2, 7); left > 0; left--)
        {
            VhostUserMemoryRegion last = _memory[^1].Region;
            _memory.Add(NewRegion(last.GuestAddress + last.Size + Pick<ulong>(0, 0, 0x1000, 1UL << 32), Pick<ulong>(1 << 20, 0x4_0000, 0x4_1000)));
        }

        ulong[] words = [(ulong)_memory.Count, .. _memory.SelectMany(static memory => MemoryMarshal.Cast<byte, ulong>(RegionPayload(memory.Region))[1..].ToArray())];
        if (Chance(0.03))
        {
            words[_random.Next(1, words.Length)] = Pick(Limits);
        }

        Say(VhostUserMessage.SetMemoryTable, Words(words), [.. _memory.Select(static memory => memory.File)]);
    }

    private void SetLog()
    {
        ulong length = Chance(0.95) ? 1UL << 21 : Pick<ulong>(0, 8, 0x1000);
        Ask(VhostUserMessage.SetLogBase, Words(length, 0), NewMemory(Math.Max(length, 1)));
    }

    private void SetInflight()
    {
        byte[] description = new byte[Chance(0.5) ? 20 : 24];
        BinaryPrimitives.WriteUInt16LittleEndian(description.AsSpan(16), (ushort)(Chance(0.95) ? 2 : _random.Next(4)));
        BinaryPrimitives.WriteUInt16LittleEndian(description.AsSpan(18), Pick<ushort>(64, 1024, 1024, 1024));
        byte[] said = Ask(VhostUserMessage.GetInflight, description);
        if (said.Length < 20)
        {
            return;
        }

        SafeFileHandle file = NewMemory(Math.Min(BinaryPrimitives.ReadUInt64LittleEndian(said), 1 << 20));
        if (Chance(0.2))
        {
            byte[] bytes = new byte[4096];
            _random.NextBytes(bytes);
            RandomAccess.Write(file, bytes, 0);
        }

        Say(VhostUserMessage.SetInflight, said, file);
    }

    private void SetRing(int index)
    {
        StopRing(index);
        ushort size = IsPacked && Chance(0.3) ? (ushort)_random.Next(1, 1024) : Pick(Sizes);
        ulong start = RingOffset + ((ulong)index * RingStep);
        ulong user = IsTranslated ? 0 : User;
        uint at = IsPacked ? 0x8000_8000 : Chance(0.2) ? (uint)_random.Next(0x1_0000) : 0;
        at = Chance(0.02) ? (uint)_random.NextInt64(1L << 32) : at;
        Say(VhostUserMessage.SetVringSize, Words(Pair((uint)index, size)));
        Say(VhostUserMessage.SetVringBase, Words(Pair((uint)index, at)));
        ulong log = Chance(0.1) ? Pick(Limits) : start + Used;
        Say(VhostUserMessage.SetVringAddress, Words(
            Pair((uint)index, Chance(0.3) ? 1u : 0), user + (Chance(0.02) ? Pick(Limits) : start), user + start + Used, user + start + Available, log));
        var queue = new HostileQueue(size, start, IsPacked, IsPacked ? (ushort)0 : (ushort)at, Keep(EventCounter.Create()));

        // Of what was made available there before nothing is left.
        Write(start, new byte[size * 16]);
        Write(start + Available, Words(Pair(queue.Fresh, 0)));
        Say(VhostUserMessage.SetVringCall, Words((ulong)index), Chance(0.98) ? Keep(EventCounter.Create()) : OtherDescriptor());
        if (Chance(0.3))
        {
            Say(VhostUserMessage.SetVringError, Words((ulong)index), Keep(EventCounter.Create()));
        }

        if (Chance(0.9))
        {
            Say(VhostUserMessage.SetVringKick, Words((ulong)index), Chance(0.98) ? queue.Kick : OtherDescriptor());
        }
        else
        {
            Say(VhostUserMessage.SetVringKick, Words((ulong)index | 0x100));
        }

        Say(VhostUserMessage.SetVringEnable, Words(Pair((uint)index, 1)));
        _queues[index] = queue;
    }

    private void StopRing(int index)
    {
        Ask(VhostUserMessage.GetVringBase, Words((ulong)index));
        _queues[index] = null;
    }

    /// <summary>Makes requests available: most of them well-formed, with sectors and lengths at their limits, the others any chain at all.</summary>
    private void Submit(int index)
    {
        if (_queues[index] is not { } queue)
        {
            return;
        }

        for (int count = Math.Min(Pick(1, 1, 4, 16), queue.Most); count > 0; count--)
        {
            ulong header = 0x3_0000 + ((ulong)_random.Next(64) * 64);
            ulong data = 0x3_8000 + ((ulong)_random.Next(8) * 4096);
            uint type = Pick(Types);
            Write(header, Words(type, Chance(0.5) ? (ulong)_random.Next(2048) : Pick(Limits)));
            Write(data, Words(Chance(0.5) ? (ulong)_random.Next(2048) : Pick(Limits), Pair((uint)_random.Next(16), (uint)_random.Next(3))));
            ushort flags = type is 0 or 8 ? (ushort)2 : (ushort)0;
            uint length = type is 11 or 13 ? 16 : Chance(0.98) ? Pick(BufferLengths) : Pick(0u, uint.MaxValue);
            List<(ulong Address, uint Length, ushort Flags)> chain =
            [
                (header, 16, 0), (Chance(0.99) ? data : Pick(Limits), length, flags), (header + 32, 1, 2),
            ];
            if (Chance(0.02))
            {
                chain = [.. Enumerable.Range(1, _random.Next(1, 6)).Select(_ => (Chance(0.5) ? data : Pick(Limits), Pick(BufferLengths), (ushort)Pick(0, 2, 4, 6)))];
            }

            if (Chance(0.2))
            {
                ulong table = 0x3_6000 + ((ulong)_random.Next(8) * 512);
                Write(table, queue.Table(chain, () => Chance(0.005) ? (ushort)_random.Next(0x1_0000) : null));
                chain = [(table, Chance(0.98) ? (uint)chain.Count * 16 : Pick(0u, 1u, 15u, 17u, 0xffff_fff0u), 4)];
            }

            queue.Add(chain, Write, () => Chance(0.002) ? (ushort)_random.Next(0x1_0000) : null);
        }

        queue.Signal();
    }

    private void KickAll()
    {
        foreach (HostileQueue? queue in _queues)
        {
            queue?.Signal();
        }
    }

    private void Write(ulong offset, ReadOnlySpan<byte> bytes)
    {
        // Not by a mapping: that may be gone. Past its end the file grows again.
        RandomAccess.Write(_memory[0].File, bytes, (long)offset);
    }

    private void SetBackEnd()
    {
        (Socket ours, Socket theirs) = VhostUserSocketPair.Create();
        _backEnd?.Dispose();
        _backEnd = ours;
        using (theirs)
        {
            Say(VhostUserMessage.SetBackendChannel, [], theirs.SafeHandle);
        }
    }

    /// <summary>Answers what the back end asks over its own channel, translations among it, most of them well.</summary>
    private void AnswerBackEnd()
    {
        byte[] message = new byte[12 + 32];
        while (_backEnd is { Available: >= 12 } channel)
        {
            int length = channel.Receive(message);
            ulong address = BinaryPrimitives.ReadUInt64LittleEndian(message.AsSpan(12)) & ~0xfffUL;
            if (Chance(0.5))
            {
                channel.Send(Words(Pair(BinaryPrimitives.ReadUInt32LittleEndian(message), 5), Pair(8, 0), 0).AsSpan(0, 20));
            }

            if (length == message.Length)
            {
                Say(VhostUserMessage.TranslationMessage, Words(address, Pick<ulong>(0x1000, 0x1_0000), User + address, Pick<ulong>(0x203, 0x203, 0x203, 0x201, 0x202)));
            }
        }

        if (IsTranslated && Chance(0.3))
        {
            Say(VhostUserMessage.TranslationMessage, Words(Pick(Limits), Pick(Limits), Pick(Limits), (uint)(_random.Next(4) + (_random.Next(1, 5) << 8))));
        }
    }

    private void TransferState()
    {
        if (Chance(0.5))
        {
            StopRing(0);
            StopRing(1);
        }

        bool isLoad = Chance(0.5);
        (Socket ours, Socket theirs) = VhostUserSocketPair.Create();
        using (ours)
        {
            using (theirs)
            {
                Ask(VhostUserMessage.SetStateDescriptor, Words(isLoad ? 1u : 0), theirs.SafeHandle);
            }

            if (isLoad)
            {
                byte[] bytes = new byte[Pick(1, 10, 200)];
                _random.NextBytes(bytes);
                if (ours.Poll(0, SelectMode.SelectWrite))
                {
                    ours.Send(bytes);
                }
            }
        }

        Ask(VhostUserMessage.CheckState, []);
    }

    /// <summary>Something that is not what the message wants, or is so in another state than usual.</summary>
    private SafeHandle OtherDescriptor()
    {
        switch (_random.Next(8))
        {
            case 0:
                (Socket first, Socket second) = VhostUserSocketPair.Create();
                first.Dispose();
                _sockets.Add(second);
                return second.SafeHandle;
            case 1:
                SafeFileHandle full = Keep(EventCounter.Create());
                RandomAccess.Write(full, Words(ulong.MaxValue - 1), 0);
                return full;
            case 2:
                SafeFileHandle blocking = Keep(EventCounter.Create());
                _ = LibC.Fcntl(blocking, FileCommand.SetFlags, 0);
                return blocking;
            case 3:
                return Keep(new SafeFileHandle(LibC.Open("/tmp", OpenFlags.ReadOnly | OpenFlags.CloseOnExec), ownsHandle: true));
            case 4:
                return Keep(File.OpenHandle("/dev/null"));
            case 5:
                return Keep(File.OpenHandle("/proc/self/maps"));
            case 6:
                SafeFileHandle sealedMemory = NewMemory(Pick<ulong>(0, 1, 4096, 1 << 20));
                _ = LibC.Fcntl(sealedMemory, FileCommand.AddSeals, Pick(2, 4, 8, 15));
                return sealedMemory;
            default:
                return NewMemory(0);
        }
    }

    private ulong AskWord(VhostUserMessage message, ulong otherwise)
    {
        byte[] reply = Ask(message, []);
        return reply.Length == sizeof(ulong) ? BinaryPrimitives.ReadUInt64LittleEndian(reply) : otherwise;
    }

    private byte[] Ask(VhostUserMessage message, byte[] payload, params ReadOnlySpan<SafeHandle> descriptors) =>
        Send(message, payload, Version, descriptors) ? Receive() : [];

    private void Say(VhostUserMessage message, byte[] payload, params ReadOnlySpan<SafeHandle> descriptors)
    {
        bool wantsReply = (_protocol & VhostUserProtocolFeatures.ReplyAcknowledge) != 0 && message != VhostUserMessage.SetProtocolFeatures && Chance(0.5);
        if (Send(message, payload, wantsReply ? Version | NeedReply : Version, descriptors) && wantsReply)
        {
            Receive();
        }
    }

    /// <summary>Sends a message, or something like it.</summary>
    /// <returns>Whether a reply to it, if it has one, is waited for: not so where it may have become one that has none.</returns>
    private bool Send(VhostUserMessage message, byte[] payload, uint flags, ReadOnlySpan<SafeHandle> descriptors)
    {
        uint request = (uint)message;
        SafeHandle[] handles = [.. descriptors];
        int length = payload.Length;
        bool isWrong = Chance(_wrongness);
        bool isHalf = false;
        switch (isWrong ? _random.Next(9) : -1)
        {
            case 0 when payload.Length != 0:
                payload[_random.Next(payload.Length)] = (byte)_random.Next(256);
                break;
            case 1 when payload.Length >= 8:
                BinaryPrimitives.WriteUInt64LittleEndian(payload.AsSpan(_random.Next(payload.Length / 8) * 8), Pick(Limits));
                break;
            case 2:
                payload = payload[.._random.Next(payload.Length + 1)];
                length = payload.Length;
                break;
            case 3:
                payload = [.. payload, .. new byte[_random.Next(1, 300)]];
                length = payload.Length;
                break;
            case 4:
                flags = Pick(0u, 2u, 3u, 5u, 13u, uint.MaxValue);
                break;
            case 5:
                length = Pick(0, payload.Length + 1, 268, 269, 0x1_0000, int.MaxValue, -1);
                isHalf = length > payload.Length;
                break;
            case 6:
                handles = [.. Enumerable.Range(0, Pick(0, 1, 2, 8, 9, 33, 253)).Select(_ => OtherDescriptor())];
                break;
            case 7:
                request = (uint)_random.Next(50);
                break;
            case 8:
                isHalf = true;
                break;
        }

        byte[] bytes = [.. Words(Pair(request, flags)), .. BitConverter.GetBytes(length), .. payload];
        if (isHalf)
        {
            bytes = bytes[.._random.Next(1, bytes.Length)];
        }

        if (!_frontEnd.SendRaw(bytes, handles) || isHalf)
        {
            throw new EndOfStreamException();
        }

        return _reads && !isWrong;
    }

    private byte[] Receive()
    {
        byte[] header = new byte[12];
        Fill(header);
        byte[] payload = new byte[BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(8)) & 0xfff];
        Fill(payload);
        return payload;
    }

    private void Fill(Span<byte> bytes)
    {
        for (int got = 0; got < bytes.Length;)
        {
            int more = _socket.Receive(bytes[got..]);
            got += more != 0 ? more : throw new EndOfStreamException();
        }
    }
}
