using Iced.Intel;

namespace Hyperspan.Stubs;

/// <summary>
/// The guard's machine code for x86-64, written with Iced's assembler. This is its source: <see cref="StubListing"/> renders it to the file that
/// <c>Hyperspan</c> compiles. What a stub may do and has to do is said in docs/stubs.md.
/// </summary>
internal sealed partial class StubProgram
{
    internal const int StatusBitClear = 0x100;
    internal const int StatusNotRestartable = 0x101;

    internal static IReadOnlyList<int> ScalarSizes => [1, 2, 4, 8];

    private readonly Assembler _a = new(64);
    private readonly Dictionary<string, Label> _labels = new(StringComparer.Ordinal);
    private readonly List<string> _marked = [];
    private readonly List<(string Label, int Alignment)> _aligned = [];
    private readonly IReadOnlyDictionary<string, int> _paddings;

    private readonly IReadOnlyDictionary<string, int> _offsets;

    private StubProgram(IReadOnlyDictionary<string, int> paddings, IReadOnlyDictionary<string, int> offsets)
    {
        _paddings = paddings;
        _offsets = offsets;
    }

    /// <summary>The sections in image order, each with the label it starts at.</summary>
    public static IReadOnlyList<StubSection> Sections { get; } =
    [
        new("handler", "The signal handler and the points where recovered stubs return."),
        new("keep_pages", "Pages kept before they are written: the state in rdi. It is called with a transition, and ends when it is asked to."),
        new("load1", "Loads, stores, compare-exchanges and the write probe: p in rdi, comparand or value in rsi, value in rdx."),
        new("bit_load1", "Accesses that count only under a set bit: bitmap and bit index in the last two arguments."),
        new("tlb_load1", "Accesses through a table of translations: table and page number in the last two arguments."),
        new("fill", "Fill: destination in rdi, value in sil, length in rdx."),
        new("copy_upwards", "Copy of ranges that do not overlap, written strictly upwards: destination in rdi, source in rsi, length in rdx."),
        new("copy_sse", "Copy for every x86-64 processor: destination in rdi, source in rsi, length in rdx; they may overlap."),
        new("copy_avx", "The same copy with 32-byte registers."),
        new("copy_avx512", "The same copy with 64-byte registers."),
        new("data", "What the installer completes before the page becomes executable."),
    ];

    /// <summary>The labels the library needs, by the name of their constant.</summary>
    public static IReadOnlyList<(string Constant, string Label)> Entries { get; } =
    [
        ("Handler", "handler"), ("KeepPages", "keep_pages"), ("ProbeWrite", "probe_write"), ("Translated", "tlb_load1"), ("Fill", "fill"),
        ("CopyUpwards", "copy_upwards"), ("CopySse", "copy_sse"), ("CopyAvx", "copy_avx"), ("CopyAvx512", "copy_avx512"),
        ("SegvPrevious", "segv_previous"), ("SegvMode", "segv_mode"), ("BusPrevious", "bus_previous"), ("BusMode", "bus_mode"),
        ("RepeatCopyFrom", "repeat_copy_from"), ("RepeatFillFrom", "repeat_fill_from"), ("RestartableArea", "restartable_area"),
    ];

    /// <summary>The stubs there is one of for each size of a scalar: the name of their table, and their labels but for the size.</summary>
    public static IReadOnlyList<(string Table, string Label)> ScalarEntries { get; } =
    [
        ("Load", "load"), ("Store", "store"), ("CompareExchange", "cas"),
        ("BitCheckedLoad", "bit_load"), ("BitCheckedStore", "bit_store"), ("BitCheckedCompareExchange", "bit_cas"),
    ];

    public static StubImage Assemble()
    {
        // The padding before an aligned label depends on the lengths of the branches before it, and the data on where the code
        // lies: repeat until everything fits.
        IReadOnlyDictionary<string, int> offsets = new Dictionary<string, int>(StringComparer.Ordinal);
        var paddings = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var pass = 0; pass < 1000; pass++)
        {
            var program = new StubProgram(paddings, offsets);
            program.Emit();
            StubImage image = program.Finish();
            (var label, var alignment) = program._aligned.Find(x => image.Labels[x.Label] % x.Alignment != 0);
            if (label is null)
            {
                if (image.Labels.All(x => offsets.TryGetValue(x.Key, out var offset) && offset == x.Value))
                {
                    return image;
                }

                offsets = image.Labels;
                continue;
            }

            // A branch at the limit of its short form can make a padding swing between two values: then let it only grow.
            if (pass > 500)
            {
                paddings[label] = paddings.GetValueOrDefault(label) + alignment - (image.Labels[label] % alignment);
                continue;
            }

            var unpadded = image.Labels[label] - paddings.GetValueOrDefault(label);
            paddings[label] = (alignment - (unpadded % alignment)) % alignment;
        }

        throw new InvalidOperationException("The alignment of the labels does not settle.");
    }

    private void Emit()
    {
        EmitHandler();
        EmitRecovery();
        EmitKeeper();
        EmitScalars();
        EmitBitChecked();
        EmitTranslated();
        EmitFill();
        EmitCopyUpwards();
        EmitCopy("copy_sse", 16);
        EmitCopy("copy_avx", 32);
        EmitCopy("copy_avx512", 64);
        EmitData();
    }

    private StubImage Finish()
    {
        var stream = new MemoryStream();
        AssemblerResult result = _a.Assemble(new StreamCodeWriter(stream), rip: 0, BlockEncoderOptions.ReturnNewInstructionOffsets);
        return new StubImage(
            stream.ToArray(), _marked.ToDictionary(x => x, x => (int)result.GetLabelRIP(_labels[x]), StringComparer.Ordinal));
    }

    private Label L(string name)
    {
        if (!_labels.TryGetValue(name, out Label label))
        {
            label = _a.CreateLabel(name);
            _labels.Add(name, label);
        }

        return label;
    }

    /// <summary>A label that is only jumped to or called. The padding before it traps.</summary>
    private void Mark(string name, int alignment = 1)
    {
        if (alignment > 1)
        {
            _aligned.Add((name, alignment));
            for (var left = _paddings.GetValueOrDefault(name); left > 0; left -= 16)
            {
                _a.db(Enumerable.Repeat((byte)0xCC, Math.Min(left, 16)).ToArray());
            }
        }

        Place(name);
    }

    /// <summary>The label of a loop, which is entered from above: its padding does nothing.</summary>
    private void MarkLoop(string name)
    {
        _aligned.Add((name, 16));
        var padding = _paddings.GetValueOrDefault(name);
        if (padding > 0)
        {
            _a.nop(padding);
        }

        Place(name);
    }

    private void Place(string name)
    {
        Label label = L(name);
        _a.Label(ref label);
        _labels[name] = label;
        _marked.Add(name);
    }
}
