using Iced.Intel;

namespace Hyperspan.Stubs;

/// <summary>
/// The guard's machine code for x86-64, written with Iced's assembler. This is its source: <see cref="StubListing"/> renders it to the files that
/// <c>Hyperspan</c> compiles, one for each <see cref="X64Platform"/>. What a stub may do and has to do is said in docs/stubs.md.
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
    private readonly X64Platform _platform;

    private StubProgram(X64Platform platform, IReadOnlyDictionary<string, int> paddings, IReadOnlyDictionary<string, int> offsets)
    {
        _platform = platform;
        _paddings = paddings;
        _offsets = offsets;
    }

    private bool IsWindows => _platform.IsWindows;

    private AssemblerRegister64 First => _platform.First;

    private AssemblerRegister64 Second => _platform.Second;

    private AssemblerRegister32 Second32 => _platform.Second32;

    private AssemblerRegister16 Second16 => _platform.Second16;

    private AssemblerRegister8 Second8 => _platform.Second8;

    private AssemblerRegister64 Third => _platform.Third;

    private AssemblerRegister32 Third32 => _platform.Third32;

    private AssemblerRegister16 Third16 => _platform.Third16;

    private AssemblerRegister8 Third8 => _platform.Third8;

    private AssemblerRegister64 Scratch1 => _platform.Scratch1;

    private AssemblerRegister64 Scratch2 => _platform.Scratch2;

    private AssemblerRegister64 Scratch3 => _platform.Scratch3;

    public static StubImage Assemble(X64Platform platform)
    {
        // The padding before an aligned label depends on the lengths of the branches before it, and the data on where the code
        // lies: repeat until everything fits.
        IReadOnlyDictionary<string, int> offsets = new Dictionary<string, int>(StringComparer.Ordinal);
        var paddings = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var pass = 0; pass < 1000; pass++)
        {
            var program = new StubProgram(platform, paddings, offsets);
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
        if (IsWindows)
        {
            EmitWindowsHandler();
            EmitWindowsRecovery();
            EmitScalars();
        }
        else
        {
            EmitHandler();
            EmitRecovery();
            EmitKeeper();
            EmitScalars();
            EmitBitChecked();
            EmitTranslated();
            EmitCheckedBytes(translated: false);
            EmitCheckedBytes(translated: true);
        }

        EmitFill();
        EmitCopyUpwards();
        EmitCopy("copy_sse", 16);
        EmitCopy("copy_avx", 32);
        if (!IsWindows)
        {
            EmitCheckedWideWrite(translated: false);
            EmitCheckedWideWrite(translated: true);
        }

        EmitCopy("copy_avx512", 64);
        if (IsWindows)
        {
            EmitRepeats();
            EmitWindowsData();
        }
        else
        {
            EmitData();
        }
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
