using FsCheck;
using FsCheck.Fluent;

using Hyperspan.Devices;

namespace Hyperspan.Tests.Devices;

/// <summary>Any layout of 64 bytes of address space and any access, against a model that knows for each byte who is there.</summary>
public class RoutingModelTests
{
    private const int Size = 64;

    [Fact]
    public void Every_byte_goes_to_who_is_there() => Prop
        .ForAll(Cases.ToArbitrary(), test => Follow(test))
        .Check(Config.QuickThrowOnFailure.WithMaxTest(2000));

    private static Gen<Part> Parts =>
        from start in Gen.Choose(0, Size - 1)
        from length in Gen.Choose(1, 20)
        from flag in Gen.Elements(true, false)
        select new Part(start, Math.Min(length, Size - start), flag);

    private static Gen<Case> Cases =>
        from memoryCount in Gen.Choose(0, 4)
        from memory in Parts.ArrayOf(memoryCount)
        from handlerCount in Gen.Choose(0, 4)
        from handlers in Parts.ArrayOf(handlerCount)
        from doorbellCount in Gen.Choose(0, 4)
        from doorbells in Gen.Choose(0, Size - 1).ArrayOf(doorbellCount)
        from accessCount in Gen.Choose(1, 8)
        from accesses in Parts.ArrayOf(accessCount)
        select new Case(memory, handlers, doorbells, accesses);

    private static void Follow(Case test)
    {
        using GuestMemory contents = GuestMemory.Allocate(0x1000);
        var space = new DeviceAddressSpace("vm");
        var log = new List<string>();
        var expected = new List<string>();
        var memory = new Part?[Size];
        var handler = new string?[Size];
        var bytes = new byte[Size];
        var doorbells = new HashSet<int>();
        foreach (Part part in test.Memory.Where(part => Enumerable.Range(part.Start, part.Length).All(i => memory[i] is null)))
        {
            space.AddMemory((ulong)part.Start, contents, new GuestRange((ulong)part.Start, (ulong)part.Length), part.Flag);
            memory.AsSpan(part.Start, part.Length).Fill(part);
        }

        foreach (Part part in test.Handlers.Where(part => Enumerable.Range(part.Start, part.Length).All(i => handler[i] is null)))
        {
            string name = $"device {part.Start}";
            space.AddHandler(new GuestRange((ulong)part.Start, (ulong)part.Length), new RecordingHandler(name, log) { Start = (ulong)part.Start });
            handler.AsSpan(part.Start, part.Length).Fill(name);
        }

        foreach (int at in test.Doorbells.Where(doorbells.Add))
        {
            // Rings for four bytes only.
            space.RegisterDoorbell((ulong)at, null, 4, DoorbellEvent.FromCallback(() => log.Add($"doorbell {at}")));
        }

        int seed = 0;
        foreach (Part access in test.Accesses)
        {
            byte[] data = MemoryAssert.Pattern(access.Length, ++seed);
            int? unclaimed = null;
            var steps = new List<Action>();
            for (int at = access.Start; at < access.Start + access.Length && unclaimed is null;)
            {
                int from = at;
                int end = access.Start + access.Length;
                if (memory[at] is { } here && (!access.Flag || here.Flag))
                {
                    end = Math.Min(end, here.Start + here.Length);
                    at = end;
                    steps.Add(() => Array.Copy(
                        access.Flag ? data : bytes,
                        access.Flag ? from - access.Start : from,
                        access.Flag ? bytes : data,
                        access.Flag ? from : from - access.Start,
                        end - from));
                    continue;
                }

                end = Math.Min(end, from + 8);
                while (end > from + 1 && memory.AsSpan(from, end - from).ContainsAnyExcept(memory[from]))
                {
                    end--;
                }

                if (access.Flag && end - from == 4 && doorbells.Contains(from))
                {
                    steps.Add(() => expected.Add($"doorbell {from}"));
                }
                else if (handler[from] is { } name)
                {
                    while (handler.AsSpan(from, end - from).ContainsAnyExcept(name))
                    {
                        end--;
                    }

                    int length = end - from;
                    steps.Add(() =>
                    {
                        Span<byte> piece = data.AsSpan(from - access.Start, length);
                        expected.Add($"{name}: {(access.Flag ? "write" : "read")} {from:x}+{length}{(access.Flag ? " " + Convert.ToHexString(piece) : "")}");
                        for (int i = 0; !access.Flag && i < length; i++)
                        {
                            piece[i] = RecordingHandler.Content((ulong)(from + i));
                        }
                    });
                }
                else
                {
                    unclaimed = from;
                }

                at = end;
            }

            byte[] buffer = [.. data];
            GuestMemoryFault fault;
            bool done = access.Flag
                ? space.TryWrite((ulong)access.Start, buffer, out fault)
                : space.TryRead((ulong)access.Start, buffer, out fault);
            done.ShouldBe(unclaimed is null);
            if (unclaimed is { } failed)
            {
                fault.ShouldBeFault(GuestMemoryFaultKind.OutOfRange, (ulong)failed);
            }
            else
            {
                steps.ForEach(step => step());
                buffer.ShouldBe(data);
            }

            log.ShouldBe(expected);
            contents.Read(0, Size).ShouldBe(bytes);
        }
    }

    /// <summary>A part of the address space; the flag says whether memory is writable, or whether an access writes.</summary>
    private sealed record Part(int Start, int Length, bool Flag);

    private sealed record Case(Part[] Memory, Part[] Handlers, int[] Doorbells, Part[] Accesses);
}
