using FsCheck;
using FsCheck.Fluent;

namespace Hyperspan.Virtio.Tests;

/// <summary>A disk against an array: random requests, cut into random buffers, through every kind of ring, several in flight.</summary>
[Trait("Category", "slow")]
public class BlockModelTests
{
    private const int Sectors = 64;
    private const int MaxRequestSectors = 8;

    [Theory]
    [InlineData(false, VirtQueueFeatures.None)]
    [InlineData(false, VirtQueueFeatures.EventIndex)]
    [InlineData(true, VirtQueueFeatures.IndirectDescriptors)]
    [InlineData(true, VirtQueueFeatures.IndirectDescriptors | VirtQueueFeatures.EventIndex)]
    [InlineData(false, VirtQueueFeatures.PackedRing)]
    [InlineData(true, VirtQueueFeatures.IndirectDescriptors | VirtQueueFeatures.EventIndex | VirtQueueFeatures.PackedRing | VirtQueueFeatures.InOrder)]
    public void A_disk_is_an_array(bool indirect, VirtQueueFeatures features)
    {
        bool longRun = Environment.GetEnvironmentVariable("HYPERSPAN_LONG") == "1";
        Prop.ForAll(Requests.NonEmptyListOf().ToArbitrary(), requests => Behaves([.. requests], indirect, features))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(longRun ? 5000 : 60));
    }

    private static Gen<Request> Requests { get; } =
        from kind in Gen.Frequency(
            (4, Gen.Constant(BlockRequestType.Read)),
            (4, Gen.Constant(BlockRequestType.Write)),
            (1, Gen.Constant(BlockRequestType.WriteZeroes)),
            (1, Gen.Constant(BlockRequestType.Discard)),
            (1, Gen.Constant(BlockRequestType.Flush)))
        from sector in Gen.Choose(0, Sectors + 1)
        from sectors in Gen.Choose(1, MaxRequestSectors)
        from cuts in Gen.Choose(1, (MaxRequestSectors * 512) - 1).ListOf(3)
        from seed in Gen.Choose(1, 255)
        from batch in Gen.Choose(0, 3)
        select new Request(kind, sector, sectors, string.Join(',', cuts.Order()), seed, batch == 0);

    private static bool Behaves(Request[] requests, bool indirect, VirtQueueFeatures features)
    {
        using var file = new TemporaryFile(Sectors * 512);
        using var bed = new BlockBed(RawDiskImage.Open(file.Path), ring: features, indirect: indirect, size: 32);
        var model = new byte[Sectors * 512];
        var pending = new Dictionary<ushort, (ulong Data, byte[]? Expected, BlockStatus Status)>();
        ulong data = BlockBed.Data;

        // What the file system does with a discarded range is its own affair: from then on these sectors may be anything until written.
        var unknown = new bool[Sectors];
        foreach (Request request in requests)
        {
            bool inside = request.Sector + request.Sectors <= Sectors;
            int offset = request.Sector * 512;
            int length = request.Sectors * 512;
            BlockStatus status = inside ? BlockStatus.Ok : BlockStatus.IoError;
            byte[]? expected = null;
            ushort token;
            bool submitted;
            switch (request.Kind)
            {
                case BlockRequestType.Read:
                    bed.Memory.Fill(data, 0xEE, (ulong)length);
                    submitted = bed.Driver.TrySubmitRead((ulong)request.Sector, request.Cut(data), out token);
                    if (inside && !unknown.AsSpan(request.Sector, request.Sectors).Contains(true))
                    {
                        expected = model.AsSpan(offset, length).ToArray();
                    }

                    break;
                case BlockRequestType.Write:
                    bed.Memory.Fill(data, (byte)request.Seed, (ulong)length);
                    submitted = bed.Driver.TrySubmitWrite((ulong)request.Sector, request.Cut(data), out token);
                    if (inside)
                    {
                        model.AsSpan(offset, length).Fill((byte)request.Seed);
                        unknown.AsSpan(request.Sector, request.Sectors).Clear();
                    }

                    break;
                case BlockRequestType.Flush:
                    status = BlockStatus.Ok;
                    submitted = bed.Driver.TrySubmit(request.Kind, 0, [], [], out token);
                    break;
                default:
                    bed.Range(data, (ulong)request.Sector, (uint)request.Sectors, 0);
                    submitted = bed.Driver.TrySubmit(request.Kind, 0, [new(data, 16)], [], out token);
                    if (inside)
                    {
                        model.AsSpan(offset, length).Clear();
                        unknown.AsSpan(request.Sector, request.Sectors).Fill(request.Kind == BlockRequestType.Discard);
                    }

                    break;
            }

            submitted.ShouldBeTrue();
            pending.Add(token, (data, expected, status));
            data += MaxRequestSectors * 512;
            if (request.KickNow || pending.Count == 4)
            {
                Collect();
                data = BlockBed.Data;
            }
        }

        Collect();
        bed.Queue.FreeDescriptors.ShouldBe(32);
        return true;

        void Collect()
        {
            bed.Driver.Kick();
            while (pending.Count > 0)
            {
                BlockCompletion completion = bed.Driver.WaitForCompletion();
                pending.Remove(completion.Token, out (ulong Data, byte[]? Expected, BlockStatus Status) request).ShouldBeTrue();
                completion.Status.ShouldBe(request.Status);
                if (request.Expected is { } expected)
                {
                    var read = new byte[expected.Length];
                    bed.Memory.Read(request.Data, read);
                    read.AsSpan().SequenceEqual(expected).ShouldBeTrue();
                }
            }
        }
    }

    /// <summary>One request; a record of plain values, so that a failure prints as something to read.</summary>
    private sealed record Request(BlockRequestType Kind, int Sector, int Sectors, string Cuts, int Seed, bool KickNow)
    {
        internal ChainSegment[] Cut(ulong data)
        {
            int length = Sectors * 512;
            int[] borders = [0, .. Cuts.Split(',').Select(int.Parse).Where(cut => cut < length).Distinct(), length];
            return [.. borders.Zip(borders.Skip(1), (from, to) => new ChainSegment(data + (ulong)from, (uint)(to - from)))];
        }
    }
}
