using System.Text.RegularExpressions;
using Hyperspan.Guarding;
using Hyperspan.Stubs;
using Hyperspan.Stubs.Arm64;

namespace Hyperspan.Tests.Guarding;

public partial class StubCodeTests
{
    [Fact]
    public void The_machine_code_in_the_library_is_what_its_source_assembles_to() =>
        X64StubCode.Image.ToArray().ShouldBe(StubProgram.Assemble().Bytes);

    [Fact]
    public void The_listing_in_the_repository_is_that_of_the_source() =>
        Listing("X64StubCode.g.cs").ShouldBe(new StubListing(StubProgram.Assemble()).Render(), "run tools/Hyperspan.Stubs, see docs/stubs.md");

    [SkippableFact]
    public void The_machine_code_for_arm64_and_its_listing_are_what_an_assembler_makes_of_the_source()
    {
        byte[]? bytes = Arm64Assembler.TryAssemble(Arm64StubProgram.Instance);
        Skip.If(bytes is null, "neither llvm-mc nor aarch64-linux-gnu-as is there");
        Listing("Arm64StubCode.g.cs").ShouldBe(new Arm64Listing(Arm64StubProgram.Instance, bytes!).Render(), "run tools/Hyperspan.Stubs, see docs/stubs.md");
        Arm64StubCode.Image.ToArray().ShouldBe(bytes.AsSpan(0, Arm64StubProgram.Instance.Length).ToArray());
    }

    /// <summary>What can be seen without an assembler: the instructions, their order, and that the bytes are those of the listing.</summary>
    [Fact]
    public void The_listing_for_arm64_has_the_instructions_of_the_source()
    {
        var lines = ListedLine().Matches(Listing("Arm64StubCode.g.cs")).ToList();
        lines.Select(line => line.Groups["text"].Value).ShouldBe(Arm64StubProgram.Instance.Statements.Select(statement => statement.Text));
        lines.SelectMany(line => Convert.FromHexString(line.Groups["bytes"].Value.Replace("0x", "", StringComparison.Ordinal).Replace(", ", "", StringComparison.Ordinal)))
            .ShouldBe(Arm64StubCode.Image.ToArray());
    }

    [Fact]
    public void Entries_for_arm64_lie_where_a_managed_function_pointer_may_point_to()
    {
        int[] sizes = [1, 2, 4, 8];
        IEnumerable<int> entries =
        [
            Arm64StubCode.KeepPagesOffset, Arm64StubCode.ProbeWriteOffset, Arm64StubCode.FillOffset, Arm64StubCode.CopyOffset,
            .. sizes.Select(Arm64StubCode.LoadOffset), .. sizes.Select(Arm64StubCode.StoreOffset), .. sizes.Select(Arm64StubCode.CompareExchangeOffset),
            .. sizes.Select(Arm64StubCode.BitCheckedLoadOffset), .. sizes.Select(Arm64StubCode.BitCheckedStoreOffset),
            .. sizes.Select(Arm64StubCode.BitCheckedCompareExchangeOffset),
            Arm64StubCode.TranslatedOffset,
        ];
        entries.ShouldAllBe(offset => offset % 16 == 0);
    }

    /// <summary>Which family is called is one number: <see cref="StubCode.TranslatedDistance"/>.</summary>
    [Fact]
    public void Each_stub_for_translated_addresses_lies_as_far_from_the_one_for_bits_as_any_other()
    {
        Distances(StubProgram.Assemble().Labels).Distinct().ShouldBe([X64StubCode.TranslatedOffset - X64StubCode.BitCheckedLoadOffset(1)]);
        Distances(Arm64StubProgram.Instance.Labels).Distinct().ShouldBe([Arm64StubCode.TranslatedOffset - Arm64StubCode.BitCheckedLoadOffset(1)]);

        static IEnumerable<int> Distances(IReadOnlyDictionary<string, int> labels) =>
            from access in new[] { "load", "store", "cas" }
            from size in StubProgram.ScalarSizes
            select labels[$"tlb_{access}{size}"] - labels[$"bit_{access}{size}"];
    }

    private static string Listing(string name)
    {
        using Stream? stream = typeof(StubCodeTests).Assembly.GetManifestResourceStream(name);
        using var reader = new StreamReader(stream.ShouldNotBeNull());
        return reader.ReadToEnd();
    }

    [GeneratedRegex("^ {8}(?<bytes>(?:0x[0-9A-F]{2}, )+) *// (?<text>.+)$", RegexOptions.Multiline, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex ListedLine();
}
