using System.Text.RegularExpressions;
using Hyperspan.Guarding;
using Hyperspan.Stubs;
using Hyperspan.Stubs.Arm64;
using Iced.Intel;

namespace Hyperspan.Tests.Guarding;

public partial class StubCodeTests
{
    [Fact]
    public void The_machine_code_in_the_library_is_what_its_source_assembles_to()
    {
        X64StubCode.Image.ToArray().ShouldBe(StubProgram.Assemble(X64Platform.Linux).Bytes);
        WindowsX64StubCode.Image.ToArray().ShouldBe(StubProgram.Assemble(X64Platform.Windows).Bytes);
    }

    [Fact]
    public void The_listings_in_the_repository_are_those_of_the_source()
    {
        foreach (X64Platform platform in (X64Platform[])[X64Platform.Linux, X64Platform.Windows])
        {
            Listing(platform.ClassName + ".g.cs")
                .ShouldBe(new StubListing(platform, StubProgram.Assemble(platform)).Render(), "run tools/Hyperspan.Stubs, see docs/stubs.md");
        }
    }

    /// <summary>Of those of Windows no instruction that may fault pushes anything, or changes a register of the caller, but for string operations.</summary>
    [Fact]
    public void Stubs_for_Windows_leave_registers_of_the_caller_alone()
    {
        Register[] callers =
        [
            Register.RBX, Register.RBP, Register.RSP, Register.R12, Register.R13, Register.R14, Register.R15, Register.RSI, Register.RDI,
            .. Enumerable.Range((int)Register.ZMM6, 10).Select(register => (Register)register),
        ];
        var decoder = Decoder.Create(64, new ByteArrayCodeReader(WindowsX64StubCode.Image.ToArray()), ip: 0);
        int end = StubProgram.Assemble(X64Platform.Windows).Labels["fill_repeat"];
        int begin = WindowsX64StubCode.LoadOffset(1);
        var information = new InstructionInfoFactory();
        int looked = 0;
        while (decoder.IP < (ulong)end)
        {
            decoder.Decode(out Instruction instruction);
            if (instruction.IP < (ulong)begin || instruction.Mnemonic is Mnemonic.Ret or Mnemonic.Int3 or Mnemonic.Vzeroupper)
            {
                continue;
            }

            looked++;
            foreach (UsedRegister used in information.GetInfo(instruction).GetUsedRegisters())
            {
                if (used.Access is not (OpAccess.Read or OpAccess.CondRead))
                {
                    callers.ShouldNotContain(used.Register.GetFullRegister(), $"0x{instruction.IP:x}: {instruction}");
                }
            }
        }

        looked.ShouldBeGreaterThan(400);
    }

    /// <summary>Whatever may fault on arm64 uses the registers that the contract names: the others are still the caller's when it is recovered.</summary>
    [Fact]
    public void Stubs_for_arm64_name_no_registers_but_those_that_they_may_change()
    {
        string listing = Listing("Arm64StubCode.g.cs");
        int begin = listing.IndexOf("// load1:", StringComparison.Ordinal), end = listing.IndexOf("// data:", StringComparison.Ordinal);
        begin.ShouldBePositive();
        end.ShouldBeGreaterThan(begin);
        MatchCollection instructions = ListedLine().Matches(listing[begin..end]);
        instructions.Count.ShouldBeGreaterThan(400);
        foreach (Match instruction in instructions)
        {
            Arm64CallersRegister().IsMatch(instruction.Groups["text"].Value).ShouldBeFalse(instruction.Value);
        }
    }

    [Fact]
    public void Entries_for_Windows_lie_where_a_managed_function_pointer_may_point_to()
    {
        int[] sizes = [1, 2, 4, 8];
        IEnumerable<int> entries =
        [
            WindowsX64StubCode.ProbeWriteOffset, WindowsX64StubCode.FillOffset, WindowsX64StubCode.CopyUpwardsOffset, WindowsX64StubCode.CopySseOffset,
            WindowsX64StubCode.CopyAvxOffset, WindowsX64StubCode.CopyAvx512Offset, WindowsX64StubCode.HandlerOffset,
            .. sizes.Select(WindowsX64StubCode.LoadOffset), .. sizes.Select(WindowsX64StubCode.StoreOffset), .. sizes.Select(WindowsX64StubCode.CompareExchangeOffset),
        ];
        entries.ShouldAllBe(offset => offset % 16 == 0);
    }

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
            Arm64StubCode.BitCheckedReadOffset, Arm64StubCode.BitCheckedWriteOffset, Arm64StubCode.TranslatedReadOffset, Arm64StubCode.TranslatedWriteOffset,
        ];
        entries.ShouldAllBe(offset => offset % 16 == 0);
    }

    /// <summary>Which family is called is one number: <see cref="StubCode.TranslatedDistance"/>.</summary>
    [Fact]
    public void Each_stub_for_translated_addresses_lies_as_far_from_the_one_for_bits_as_any_other()
    {
        Distances(StubProgram.Assemble(X64Platform.Linux).Labels).Distinct().ShouldBe([X64StubCode.TranslatedOffset - X64StubCode.BitCheckedLoadOffset(1)]);
        Distances(Arm64StubProgram.Instance.Labels).Distinct().ShouldBe([Arm64StubCode.TranslatedOffset - Arm64StubCode.BitCheckedLoadOffset(1)]);

        static IEnumerable<int> Distances(IReadOnlyDictionary<string, int> labels) =>
            from access in new[] { "load", "store", "cas" }
            from size in StubProgram.ScalarSizes
            select labels[$"tlb_{access}{size}"] - labels[$"bit_{access}{size}"];
    }

    [GeneratedRegex(@"\b([xw](1[6-9]|2[0-9]|30)|sp|[vqdsbh]([89]|1[0-5]))\b", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Arm64CallersRegister();

    private static string Listing(string name)
    {
        using Stream? stream = typeof(StubCodeTests).Assembly.GetManifestResourceStream(name);
        using var reader = new StreamReader(stream.ShouldNotBeNull());
        return reader.ReadToEnd();
    }

    [GeneratedRegex("^ {8}(?<bytes>(?:0x[0-9A-F]{2}, )+) *// (?<text>.+)$", RegexOptions.Multiline, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex ListedLine();
}
