namespace Hyperspan.Stubs.Arm64;

/// <summary>
/// The guard's machine code for arm64, line by line. This is its source: <see cref="Arm64Listing"/> renders it to the file that <c>Hyperspan</c> compiles, with the
/// bytes that an assembler makes of it. What a stub may do and has to do is said in docs/stubs.md.
/// </summary>
internal sealed partial class Arm64StubProgram
{
    private readonly List<Arm64Statement> _statements = [];
    private readonly Dictionary<string, int> _labels = new(StringComparer.Ordinal);
    private List<string> _pending = [];

    private Arm64StubProgram()
    {
        EmitHandler();
        EmitKeeper();
        EmitScalars();
        EmitBitChecked();
        EmitTranslated();
        EmitCheckedBytes(translated: false);
        EmitCheckedBytes(translated: true);
        EmitSequenceEnds();
        EmitFill();
        EmitCopy();
        EmitData();
    }

    /// <summary>The sections in image order, each with the label it starts at.</summary>
    public static IReadOnlyList<StubSection> Sections { get; } =
    [
        new("handler", "The signal handler, and the point where recovered stubs return."),
        new("keep_pages", "Pages kept before they are written: the state in x0. It is called with a transition, and ends when it is asked to."),
        new("load1", "Loads, stores, compare-exchanges and the write probe: p in x0, comparand or value in x1, value in x2."),
        new("bit_load1", "Accesses that count only under a set bit: bitmap and bit index in the last two arguments."),
        new("tlb_load1", "Accesses through a table of translations: table and page number in the last two arguments."),
        new("bit_read", "Copies of 4 to 64 bytes to or from one page: bitmap and bit, or table and page number, in the last two arguments."),
        new("fill", "Fill: destination in x0, value in w1, length in x2."),
        new("copy", "Copy: destination in x0, source in x1, length in x2; they may overlap."),
        new("data", "What the installer completes before the page becomes executable."),
    ];

    /// <summary>The labels the library needs, by the name of their constant.</summary>
    public static IReadOnlyList<(string Constant, string Label)> Entries { get; } =
    [
        ("Handler", "handler"), ("KeepPages", "keep_pages"), ("ProbeWrite", "probe_write"), ("Translated", "tlb_load1"),
        ("BitCheckedRead", "bit_read"), ("BitCheckedWrite", "bit_write"), ("TranslatedRead", "tlb_read"), ("TranslatedWrite", "tlb_write"), ("Fill", "fill"), ("Copy", "copy"),
        ("SegvPrevious", "segv_previous"), ("SegvMode", "segv_mode"), ("BusPrevious", "bus_previous"), ("BusMode", "bus_mode"),
        ("RestartableArea", "restartable_area"),
    ];

    /// <summary>The program.</summary>
    public static Arm64StubProgram Instance { get; } = new();

    public IReadOnlyList<Arm64Statement> Statements => _statements;

    /// <summary>The offset of each label.</summary>
    public IReadOnlyDictionary<string, int> Labels => _labels;

    /// <summary>The length of the image in bytes.</summary>
    public int Length { get; private set; }

    /// <summary>The program as an assembler takes it; the alternatives follow the image.</summary>
    public string ToSource()
    {
        var lines = new List<string> { ".text", "image:" };
        foreach (Arm64Statement statement in _statements)
        {
            lines.AddRange(statement.Labels.Select(label => label + ":"));
            lines.Add(statement.Text);
        }

        lines.AddRange(_statements.Select(statement => statement.Alternative).OfType<string>());
        return string.Join('\n', lines) + "\n";
    }

    private static string Suffix(int size) => size switch { 1 => "b", 2 => "h", _ => "" };

    private static string Register(int size, int number) => (size == 8 ? "x" : "w") + number;

    private void Emit(params string[] instructions)
    {
        foreach (string instruction in instructions)
        {
            Add(new Arm64Statement(_pending, instruction, 4));
        }
    }

    private void EmitWithAlternative(string instruction, string alternative, Arm64Feature feature) =>
        Add(new Arm64Statement(_pending, instruction, 4, alternative, feature));

    private void EmitWord(string value) => Add(new Arm64Statement(_pending, ".quad " + value, 8));

    private void Add(Arm64Statement statement)
    {
        _statements.Add(statement);
        _pending = [];
        Length += statement.Length;
    }

    /// <summary>Names the address of what comes next. What fills the space before it traps.</summary>
    private void Mark(string label, int alignment = 4)
    {
        while (Length % alignment != 0)
        {
            Emit("brk #1");
        }

        Place(label);
    }

    /// <summary>The label of a loop, which is entered from above.</summary>
    private void MarkLoop(string label)
    {
        while (Length % 16 != 0)
        {
            Emit("nop");
        }

        Place(label);
    }

    private void Place(string label)
    {
        _labels.Add(label, Length);
        _pending.Add(label);
    }

    private void Succeed() => Emit("mov x1, xzr", "ret");

    private void SucceedWithZero() => Emit("mov x0, xzr", "mov x1, xzr", "ret");
}
