using System.Runtime.InteropServices;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Tests;

/// <summary>
/// A file that this process serves by the protocol of /dev/fuse, until it is told to be silent: from then on every question about it waits. What is asked can fail. Needs root.
/// </summary>
internal sealed partial class StuckFile : IDisposable
{
    internal const uint Read = 15;
    internal const uint Write = 16;
    internal const uint Synchronize = 20;
    internal const uint Allocate = 43;

    private const uint GetAttributes = 3;
    private const uint Open = 14;
    private const uint Release = 18;
    private const uint Flush = 25;
    private const uint Initialize = 26;
    private const uint ZeroRange = 0x10;
    private const uint PunchHole = 0x2;
    private const int NoSuchCall = -38;
    private const byte FlushNotWanted = 1 << 5;
    private const int LazyUnmount = 2;
    private const int HeaderLength = 40;

    private readonly FileStream _device;
    private readonly byte[] _content;
    private readonly Thread _server;
    private volatile bool _isSilent;

    private readonly bool _isFlushed;

    private StuckFile(string path, int length, bool isFlushed, SafeFileHandle device)
    {
        _isFlushed = isFlushed;
        Path = path;
        _content = new byte[length];
        _device = new FileStream(device, FileAccess.ReadWrite, bufferSize: 0);
        _server = new Thread(Serve) { IsBackground = true, Name = "fuse" };
        _server.Start();
    }

    /// <summary>Gets or sets what says by which error (errno(3)) a question fails, by what is asked, where and for how many bytes; zero for none.</summary>
    internal Func<uint, ulong, ulong, int> Fails { get; set; } = static (_, _, _) => 0;

    /// <summary>Gets the bytes of it.</summary>
    internal byte[] Content => _content;

    /// <summary>Gets where it is.</summary>
    internal string Path { get; }

    /// <summary>Makes it in the place of an empty file, or says why it cannot be had.</summary>
    /// <param name="path">Where.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="isFlushed">Whether closing it asks the server: then, once that is silent, not even the end of a process closes it.</param>
    /// <param name="reason">Why not.</param>
    internal static StuckFile? TryCreate(string path, int length, bool isFlushed, out string reason)
    {
        try
        {
            SafeFileHandle device = File.OpenHandle("/dev/fuse", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            File.WriteAllBytes(path, []);
            string options = $"fd={device.DangerousGetHandle()},rootmode=100000,user_id=0,group_id=0,allow_other";
            if (Mount("stuck", path, "fuse", 0, options) == 0)
            {
                reason = "";
                return new StuckFile(path, length, isFlushed, device);
            }

            reason = $"mount of a FUSE file: {Marshal.GetLastPInvokeErrorMessage()}";
            device.Dispose();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            reason = e.Message;
        }

        return null;
    }

    /// <summary>Answers nothing any more.</summary>
    internal void FallSilent()
    {
        _isSilent = true;

        // The server waits for one more question, which it will not answer: it asks itself.
        new Thread(() => File.Exists(Path)) { IsBackground = true }.Start();
    }

    public void Dispose()
    {
        _isSilent = true;
        _ = Unmount(Path, LazyUnmount);

        // Whatever still waits for an answer fails now.
        _device.Dispose();
    }

    private void Serve()
    {
        byte[] request = new byte[(128 << 10) + 4096];
        try
        {
            while (!_isSilent)
            {
                int length = _device.Read(request);
                if (length < HeaderLength || _isSilent)
                {
                    return;
                }

                Answer(request);
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // Unmounted.
        }
    }

    private void Answer(byte[] request)
    {
        uint operation = BitConverter.ToUInt32(request, 4);
        ulong offset = BitConverter.ToUInt64(request, HeaderLength + 8);
        int size = BitConverter.ToInt32(request, HeaderLength + 16);
        int error = Fails(operation, offset, operation == Allocate ? BitConverter.ToUInt64(request, HeaderLength + 16) : (ulong)size);
        byte[]? body = error != 0 ? null : operation switch
        {
            Initialize => InitializeReply(),
            GetAttributes => AttributesReply(),
            Open => OpenReply(),
            Read => [.. _content.Skip((int)Math.Min(offset, int.MaxValue)).Take((int)size)],
            Write => WriteReply(request, offset, size),
            Allocate => AllocateReply(request, offset),
            Release or Synchronize or Flush => [],
            _ => null,
        };
        byte[] reply = new byte[16 + (body?.Length ?? 0)];
        BitConverter.TryWriteBytes(reply.AsSpan(0), reply.Length);
        BitConverter.TryWriteBytes(reply.AsSpan(4), error != 0 ? -error : body is null ? NoSuchCall : 0);
        request.AsSpan(8, 8).CopyTo(reply.AsSpan(8));
        body?.CopyTo(reply, 16);
        _device.Write(reply);
    }

    private byte[] WriteReply(byte[] request, ulong offset, int size)
    {
        request.AsSpan(HeaderLength + 40, size).CopyTo(_content.AsSpan((int)offset));
        byte[] reply = new byte[8];
        BitConverter.TryWriteBytes(reply, size);
        return reply;
    }

    private byte[]? AllocateReply(byte[] request, ulong offset)
    {
        if ((BitConverter.ToUInt32(request, HeaderLength + 24) & (ZeroRange | PunchHole)) == 0)
        {
            return null;
        }

        _content.AsSpan((int)offset, (int)BitConverter.ToUInt64(request, HeaderLength + 16)).Clear();
        return [];
    }

    private byte[] OpenReply()
    {
        byte[] reply = new byte[16];
        reply[8] = _isFlushed ? (byte)0 : FlushNotWanted;
        return reply;
    }

    private static byte[] InitializeReply()
    {
        byte[] reply = new byte[64];
        BitConverter.TryWriteBytes(reply.AsSpan(0), 7);
        BitConverter.TryWriteBytes(reply.AsSpan(4), 31);
        BitConverter.TryWriteBytes(reply.AsSpan(20), 128 << 10);
        BitConverter.TryWriteBytes(reply.AsSpan(24), 1);
        return reply;
    }

    private byte[] AttributesReply()
    {
        // No time for which it is valid: each question comes here.
        byte[] reply = new byte[104];
        BitConverter.TryWriteBytes(reply.AsSpan(16), 1UL);
        BitConverter.TryWriteBytes(reply.AsSpan(24), (ulong)_content.Length);
        BitConverter.TryWriteBytes(reply.AsSpan(16 + 60), 0x81A4);
        BitConverter.TryWriteBytes(reply.AsSpan(16 + 64), 1);
        return reply;
    }

    [LibraryImport("libc", EntryPoint = "mount", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Mount(string source, string target, string type, nuint flags, string options);

    [LibraryImport("libc", EntryPoint = "umount2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Unmount(string target, int flags);
}
