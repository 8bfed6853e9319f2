using System.Text;

using FsCheck;
using FsCheck.Fluent;

using Hyperspan.Streaming;

namespace Hyperspan.Tests.Streaming;

public class GuestMemoryStreamTests
{
    private const int Length = 9000;

    [Fact]
    public void It_behaves_as_a_memory_stream_of_fixed_length_does()
    {
        Gen<Step> step =
            from kind in Gen.Choose(0, 7)
            from number in Gen.OneOf(Gen.Choose(-20, 20), Gen.Choose(-Length, 2 * Length))
            select new Step(kind, number);
        Gen<Step[]> steps = Gen.Choose(0, 20).SelectMany(count => step.ArrayOf(count));
        Prop.ForAll(steps.ToArbitrary(), Follow).Check(Config.QuickThrowOnFailure.WithMaxTest(300));

        static void Follow(Step[] steps)
        {
            using GuestMemory memory = GuestMemory.Allocate(0x4000);
            byte[] bytes = MemoryAssert.Pattern(Length);
            memory.Write(0x123, bytes);
            using var stream = new GuestMemoryStream(memory, new GuestRange(0x123, Length));
            using var model = new MemoryStream(bytes, writable: true);
            foreach (Step step in steps)
            {
                Outcome(stream, step).ShouldBe(Outcome(model, step));
                stream.Position.ShouldBe(model.Position);
            }

            memory.Read(0x123, Length).AsSpan().SequenceEqual(bytes).ShouldBeTrue();
            memory.Read<byte>(0x122).ShouldBe((byte)0);
            memory.Read<byte>(0x123 + Length).ShouldBe((byte)0);
        }

        static string Outcome(Stream stream, Step step)
        {
            var buffer = new byte[Math.Abs(step.Number)];

            // Past its end, a memory stream refuses to write even nothing. Here nothing can be written anywhere.
            if (step.Kind is 3 or 4 && buffer.Length == 0 && stream is MemoryStream)
            {
                return "written";
            }

            try
            {
                switch (step.Kind)
                {
                    case 0:
                        return $"{stream.Read(buffer)} {Convert.ToHexString(buffer)}";
                    case 1:
                        return $"{stream.ReadAsync(buffer, 0, buffer.Length).GetAwaiter().GetResult()} {Convert.ToHexString(buffer)}";
                    case 2:
                        return $"{stream.ReadByte()}";
                    case 3:
                        buffer.AsSpan().Fill((byte)step.Number);
                        stream.Write(buffer);
                        return "written";
                    case 4:
                        buffer.AsSpan().Fill((byte)step.Number);
                        stream.WriteAsync(buffer).AsTask().GetAwaiter().GetResult();
                        return "written";
                    case 5:
                        stream.WriteByte((byte)step.Number);
                        return "written";
                    case 6:
                        return $"{stream.Seek(step.Number, (SeekOrigin)(Math.Abs(step.Number) % 3))}";
                    default:
                        stream.Position = step.Number;
                        return $"{stream.Length}";
                }
            }
            catch (Exception e) when (step.Kind is 3 or 4 or 5 && e is NotSupportedException or IOException)
            {
                return "no room";
            }
            catch (Exception e) when (e is IOException or ArgumentOutOfRangeException)
            {
                return e.GetType().Name;
            }
        }
    }

    [Fact]
    public void Readers_and_writers_of_the_runtime_work_on_it()
    {
        using GuestMemory memory = GuestMemory.Allocate(0x2000);
        using var stream = new GuestMemoryStream(memory, 0xff0, 0x800);
        using (var writer = new BinaryWriter(stream, Encoding.UTF8, leaveOpen: true))
        {
            writer.Write(0x12345678);
            writer.Write("gäste");
            writer.Write(1.5);
        }

        memory.Read<int>(0xff0).ShouldBe(0x12345678);
        stream.Position = 0;
        using (var reader = new BinaryReader(stream, Encoding.UTF8, leaveOpen: true))
        {
            reader.ReadInt32().ShouldBe(0x12345678);
            reader.ReadString().ShouldBe("gäste");
            reader.ReadDouble().ShouldBe(1.5);
        }

        stream.Position = 0x10;
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        copy.ToArray().ShouldBe(memory.Read(0x1000, 0x7f0));
    }

    [Fact]
    public async Task Faults_of_the_memory_are_io_errors_that_move_nothing()
    {
        var mapping = new SparseBacking(0x3000);
        mapping.Commit(0, 0x1000);
        using var memory = new GuestMemory(mapping, "ram");
        using var stream = new GuestMemoryStream(memory, new GuestRange(0, 0x3000)) { Position = 0xff0 };
        var buffer = new byte[0x20];
        Inner(Should.Throw<IOException>(() => stream.Read(buffer)), 0x1000);
        Inner(Should.Throw<IOException>(() => stream.Write(buffer)), 0x1000);
        Inner(await Should.ThrowAsync<IOException>(async () => await stream.ReadExactlyAsync(buffer)), 0x1000);
        Inner(await Should.ThrowAsync<IOException>(async () => await stream.WriteAsync(buffer)), 0x1000);
        stream.Position.ShouldBe(0xff0);
        stream.Position = 0x2fff;
        Inner(Should.Throw<IOException>(() => stream.ReadByte()), 0x2fff);
        Inner(Should.Throw<IOException>(() => stream.WriteByte(1)), 0x2fff);

        static void Inner(IOException e, ulong address)
        {
            GuestMemoryException inner = e.InnerException.ShouldBeOfType<GuestMemoryException>();
            inner.Fault.ShouldBeFault(GuestMemoryFaultKind.Unmapped, address);
            e.Message.ShouldBe(inner.Message);
        }
    }

    [Fact]
    public void A_write_that_does_not_fit_writes_nothing_and_says_what_was_left()
    {
        using GuestMemory memory = GuestMemory.Allocate(0x1000);
        using var stream = new GuestMemoryStream(memory, new GuestRange(0, 0x10)) { Position = 8 };
        IOException e = Should.Throw<IOException>(() => stream.Write(new byte[] { 1, 1, 1, 1, 1, 1, 1, 1, 1 }));
        e.Message.ShouldBe("out of range: 0x9 bytes asked for, 0x8 left");
        e.InnerException.ShouldBeOfType<MemoryStreamingException>().Kind.ShouldBe(StreamingFaultKind.OutOfRange);
        memory.Read<ulong>(8).ShouldBe(0UL);
        stream.Position.ShouldBe(8);
    }

    [Fact]
    public async Task It_says_honestly_what_it_can_do()
    {
        using GuestMemory memory = GuestMemory.Allocate(0x1000);
        var range = new GuestRange(0, 0x10);
        var reading = new GuestMemoryStream(memory, range, FileAccess.Read);
        (reading.CanRead, reading.CanWrite, reading.CanSeek, reading.CanTimeout).ShouldBe((true, false, true, false));
        Should.Throw<NotSupportedException>(() => reading.WriteByte(1));
        await Should.ThrowAsync<NotSupportedException>(async () => await reading.WriteAsync(new byte[1]));
        var writing = new GuestMemoryStream(memory, range, FileAccess.Write);
        (writing.CanRead, writing.CanWrite).ShouldBe((false, true));
        Should.Throw<NotSupportedException>(() => writing.ReadByte());
        Should.Throw<NotSupportedException>(() => writing.SetLength(1));
        await writing.FlushAsync(CancellationToken.None);
        await Should.ThrowAsync<TaskCanceledException>(async () => await reading.ReadExactlyAsync(new byte[1], new CancellationToken(canceled: true)));
        await Should.ThrowAsync<TaskCanceledException>(async () => await writing.WriteAsync(new byte[1], new CancellationToken(canceled: true)));

        await reading.DisposeAsync();
        (reading.CanRead, reading.CanWrite, reading.CanSeek).ShouldBe((false, false, false));
        Should.Throw<ObjectDisposedException>(() => reading.ReadByte());
        Should.Throw<ObjectDisposedException>(() => reading.Position);
        Should.Throw<ObjectDisposedException>(() => reading.Length);
        memory.IsDisposed.ShouldBeFalse();
        Should.Throw<ArgumentException>(() => new GuestMemoryStream(memory, 0, 1UL << 63));
        Should.Throw<ArgumentException>(() => new GuestMemoryStream(memory, ulong.MaxValue, 2));
        Should.Throw<ArgumentOutOfRangeException>(() => new GuestMemoryStream(memory, range, (FileAccess)0));
    }

    private readonly record struct Step(int Kind, int Number);
}
