using Hyperspan.Testing;
using Hyperspan.Tool.Tests.Infrastructure;
using Hyperspan.Virtio;

namespace Hyperspan.Tool.Tests;

/// <summary>
/// An image on a file system that fails some of what is asked of it, in the middle of many requests: each has its own status, the others and the server go on. Needs root.
/// </summary>
public sealed class ImageErrorTests : IDisposable
{
    private const int Terminate = 15;
    private const int InputOutput = 5;
    private const int NoSpace = 28;
    private const int Size = 8 << 20;
    private const int Unit = 64 << 10;
    private const uint Sectors = Unit / 512;
    private const int Count = Size / Unit;
    private const int Page = 4096;
    private const int Length = 2 * Page;
    private const int Depth = 16;
    private const ulong Data = 0x8_0000;

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string, string> Ways => new()
    {
        { "writeback", "" }, { "none", "" }, { "directsync", "" }, { "writeback", "threads" }, { "none", "threads" }, { "directsync", "threads" },
    };

    public void Dispose() => _folder.Dispose();

    [LinuxTheory]
    [MemberData(nameof(Ways))]
    public async Task Each_request_has_the_status_that_is_its_own(string cache, string engine)
    {
        using StuckFile? image = StuckFile.TryCreate(_folder.PathOf("disk"), Size, isFlushed: false, out string reason);
        Skip.If(image is null, reason);
        for (int i = 0; i < Size; i++)
        {
            image.Content[i] = (byte)(i / Unit);
        }

        bool flushesItself = cache == "directsync";
        using ToolProcess server = Start(image.Path, cache, engine);
        using (var guest = new Guest(_folder.PathOf("s"), new SharedBacking(4 << 20)))
        {
            image.Fails = static (operation, offset, length) =>
                operation is StuckFile.Read or StuckFile.Write && HasBadPage(offset, length) ? InputOutput : 0;
            Run(guest, BlockRequestType.Read);
            guest.Memory.Fill(Data, 0x77, Depth * Length);
            Run(guest, BlockRequestType.Write);
            image.Fails = static (operation, offset, _) => operation == StuckFile.Allocate && (offset / Unit % 2) == 0 ? NoSpace : 0;
            for (uint i = 0; i < 8; i++)
            {
                BlockStatus expected = i % 2 == 0 ? BlockStatus.IoError : BlockStatus.Ok;
                guest.Disk.Discard(i * Sectors, 16).ShouldBe(expected, $"discard {i}");
                guest.Disk.WriteZeroes(i * Sectors, 16, unmap: i % 4 < 2).ShouldBe(expected, $"zeros {i}");
            }

            image.Fails = static (operation, _, _) => operation == StuckFile.Synchronize ? InputOutput : 0;
            BlockStatus Flush() => flushesItself ? guest.Disk.Write(Sectors, Data, Length) : guest.Disk.Flush();
            Flush().ShouldBe(BlockStatus.IoError);
            image.Fails = static (_, _, _) => 0;
            Flush().ShouldBe(BlockStatus.IoError, "what was lost is not known");
            guest.Disk.Read(Sectors, Data, Length).ShouldBe(BlockStatus.Ok);
        }

        string figures = (await MetricsTests.AskAsync("unix:" + _folder.PathOf("m"), "GET /metrics HTTP/1.1\r\n\r\n")).Body;
        foreach ((string operation, string error, int count) in ((string, string, int)[])
            [("read", "EIO", 95), ("write", "EIO", flushesItself ? 97 : 95), ("discard", "ENOSPC", 4), ("write_zeroes", "ENOSPC", 4)])
        {
            figures.ShouldContain($"hyperspan_block_request_duration_seconds_count{{disk=\"vda\",error_type=\"{error}\",operation=\"{operation}\"}} {count}" + "\n");
        }

        server.Signal(Terminate);
        ToolResult result = server.WaitForExit();
        result.ShouldEndWith(1);
        result.Error.ShouldContain("200 errors; failed: 4 discard (ENOSPC), 2 flush (EIO), 95 read (EIO), 95 write (EIO), 4 write zeroes (ENOSPC)");
        result.Error.ShouldContain("done: 1 connection, 273 requests");
    }

    /// <summary>Of each four places the first page is bad, the second, both, none.</summary>
    private static bool HasBadPage(ulong offset, ulong length)
    {
        for (ulong page = offset / Page; page * Page < offset + length; page++)
        {
            ulong within = page * Page % Unit / Page;
            if ((page * Page / Unit % 4) switch { 0 => within == 0, 1 => within == 1, 2 => within < 2, _ => false })
            {
                return true;
            }
        }

        return false;
    }

    private static void Run(Guest guest, BlockRequestType type)
    {
        var places = new Dictionary<ushort, (int Place, ulong Buffer)>();
        var buffers = new Stack<ulong>(Enumerable.Range(0, Depth).Select(static i => Data + ((ulong)i * Length)));
        byte[] bytes = new byte[Length];

        // What is at the beginning has been looked at when the image was opened.
        int next = 1;
        for (int done = 1; done < Count; done++)
        {
            while (next < Count && buffers.TryPop(out ulong buffer))
            {
                // Not in the order of the file.
                int place = next++ * 37 % Count;
                ChainSegment[] data = [new ChainSegment(buffer, Length)];
                bool isWrite = type == BlockRequestType.Write;
                guest.Disk.TrySubmit(type, (ulong)place * Sectors, isWrite ? data : [], isWrite ? [] : data, out ushort token).ShouldBeTrue();
                places.Add(token, (place, buffer));
            }

            guest.Kick();
            BlockCompletion completion = guest.Disk.WaitForCompletion();
            places.Remove(completion.Token, out (int Place, ulong Buffer) at).ShouldBeTrue();
            bool isGood = at.Place % 4 == 3;
            completion.Status.ShouldBe(isGood ? BlockStatus.Ok : BlockStatus.IoError, $"{type} {at.Place}");
            if (isGood && type == BlockRequestType.Read)
            {
                guest.Memory.Read(at.Buffer, bytes);
                bytes.ShouldAllBe(value => value == at.Place);
            }

            buffers.Push(at.Buffer);
        }
    }

    private ToolProcess Start(string image, string cache, string engine)
    {
        ToolProcess server = ToolProcess.StartWith(
            new Dictionary<string, string>(StringComparer.Ordinal) { ["HYPERSPAN_DISK_ENGINE"] = engine },
            "serve", "block", "--socket", _folder.PathOf("s"), "--image", image, "--id", "vda", "--cache", cache, "--metrics", "unix:" + _folder.PathOf("m"));
        server.WaitForLog("listening");
        return server;
    }
}
