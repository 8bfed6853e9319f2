namespace Hyperspan.Tests;

/// <summary>The example in the README, as it stands there.</summary>
public class ReadmeExampleTests
{
    [Fact]
    public void The_example_is_in_the_readme_and_does_what_it_says()
    {
        var said = new StringWriter();
        TextWriter console = Console.Out;
        Console.SetOut(said);
        try
        {
            // <example>
            using var ram = new SharedBacking(256UL << 20);                     // sealed memfd: another process can map it
            using var memory = new GuestMemoryBuilder("ram")
                .AddRegion(0, ram, backingOffset: 0, length: 128UL << 20)       // below the hole
                .AddRegion(4UL << 30, ram, backingOffset: 128UL << 20, length: 128UL << 20)
                .Build();
            memory.WriteUInt64LittleEndian(0x1000, 0xfeed);                     // one store, as fast as through a pointer
            ulong seen = memory.CompareExchange(0x1000, value: 1UL, comparand: 0xfeedUL);
            if (!memory.TryRead(0xdead_0000, out uint _, out GuestMemoryFault fault))
                Console.WriteLine($"{seen:x}, then {fault}");                   // no exception, no allocation
            // </example>
        }
        finally
        {
            Console.SetOut(console);
        }

        said.ToString().ShouldStartWith("feed, then guest memory 'ram': read error: failed to access 0xdead0000-0xdead0004: no memory at address");
        string[] source = File.ReadAllLines(Path.Combine(Repository.Root, "tests", "Hyperspan.Tests", "ReadmeExampleTests.cs"));
        string[] example = source.SkipWhile(l => !l.Contains("<example>")).Skip(1).TakeWhile(l => !l.Contains("</example>")).Select(l => l[12..]).ToArray();
        example.Length.ShouldBeInRange(8, 12);
        string readme = File.ReadAllText(Path.Combine(Repository.Root, "README.md"));
        readme.ShouldContain(string.Join('\n', example));
    }
}
