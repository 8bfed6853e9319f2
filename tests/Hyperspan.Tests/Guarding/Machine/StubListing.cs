using System.Globalization;
using System.Text;
using Iced.Intel;

namespace Hyperspan.Tests.Guarding.Machine;

/// <summary>Renders the assembled program as C#: one instruction a line, its bytes first, its assembly beside them.</summary>
internal sealed class StubListing : ISymbolResolver
{
    private const string Origin =
        "// Written by StubListing in the tests: change StubProgram there, then run StubCodeTests with HYPERSPAN_REGENERATE_STUBS=1.\n";

    private readonly StubImage _image;
    private readonly Dictionary<ulong, string> _names;
    private readonly NasmFormatter _formatter;

    public StubListing(StubImage image)
    {
        _image = image;
        _names = image.Labels.ToDictionary(x => (ulong)x.Value, x => x.Key);
        _formatter = new NasmFormatter(this);
        _formatter.Options.SpaceAfterOperandSeparator = true;
        _formatter.Options.ShowBranchSize = false;
        _formatter.Options.HexPrefix = "0x";
        _formatter.Options.HexSuffix = "";
        _formatter.Options.RipRelativeAddresses = false;
    }

#pragma warning disable RCS1242 // The interface wants it so.
    bool ISymbolResolver.TryGetSymbol(
        in Instruction instruction, int operand, int instructionOperand, ulong address, int addressSize, out SymbolResult symbol)
#pragma warning restore RCS1242
    {
        if ((instruction.IsIPRelativeMemoryOperand || instruction.IsJccShortOrNear || instruction.IsJmpShortOrNear)
            && _names.TryGetValue(address, out var name))
        {
            symbol = new SymbolResult(address, name);
            return true;
        }

        symbol = default;
        return false;
    }

    /// <summary>File name and text of every generated file.</summary>
    public IEnumerable<(string File, string Text)> Render()
    {
        yield return ("StubCode.Layout.cs", RenderLayout());
        for (var i = 0; i < StubProgram.Sections.Count; i++)
        {
            StubSection section = StubProgram.Sections[i];
            yield return ($"StubCode.{section.Name}.cs", RenderSection(section, Start(i), Start(i + 1)));
        }
    }

    private int Start(int section)
    {
        return section == 0 ? 0
            : section == StubProgram.Sections.Count ? _image.Bytes.Length
            : _image.Labels[StubProgram.Sections[section].FirstLabel];
    }

    private string RenderLayout()
    {
        var text = new StringBuilder(Origin)
            .Append("namespace Hyperspan.Guarding;\n\n")
            .Append("/// <summary>The guard's machine code for x86-64 and where its parts lie.</summary>\n")
            .Append("internal static partial class StubCode\n{\n")
            .Append("    /// <summary>Length of the whole image.</summary>\n")
            .Append(CultureInfo.InvariantCulture, $"    internal const int Length = 0x{_image.Bytes.Length:X};\n\n");
        foreach ((var constant, var label) in StubProgram.Entries)
        {
            text.Append(CultureInfo.InvariantCulture, $"    internal const int {constant}Offset = 0x{_image.Labels[label]:X};\n");
        }

        text.Append("\n    /// <summary>Writes the image, all sections one after the other.</summary>\n")
            .Append("    internal static void CopyTo(Span<byte> image)\n    {\n");
        for (var i = 0; i < StubProgram.Sections.Count; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $"        {StubProgram.Sections[i].Name}Section.CopyTo(image[0x{Start(i):X}..]);\n");
        }

        return text.Append("    }\n}\n").ToString();
    }

    private string RenderSection(StubSection section, int start, int end)
    {
        var text = new StringBuilder(Origin)
            .Append("namespace Hyperspan.Guarding;\n\n")
            .Append("internal static partial class StubCode\n{\n")
            .Append(CultureInfo.InvariantCulture, $"    /// <summary>{section.Summary}</summary>\n")
            .Append(CultureInfo.InvariantCulture, $"    private static ReadOnlySpan<byte> {section.Name}Section =>\n    [\n");
        for (var offset = start; offset < end;)
        {
            if (_names.TryGetValue((ulong)offset, out var label))
            {
                text.Append(CultureInfo.InvariantCulture, $"        // {label}:\n");
            }

            (var length, var assembly) = Describe(offset, end);
            var bytes = string.Concat(_image.Bytes.Skip(offset).Take(length).Select(x => $"0x{x:X2}, "));
            text.Append(CultureInfo.InvariantCulture, $"        {bytes,-54}// {assembly}\n");
            offset += length;
        }

        return text.Append("    ];\n}\n").ToString();
    }

    private (int Length, string Assembly) Describe(int offset, int end)
    {
        if (offset >= _image.Labels["data"] && offset % 8 == 0 && _image.Bytes[offset] != 0xCC)
        {
            return (8, $"dq 0x{BitConverter.ToUInt64(_image.Bytes, offset):X}");
        }

        var padding = _image.Bytes.Skip(offset).Take(Math.Min(end - offset, 8)).TakeWhile(x => x == 0xCC).Count();
        if (padding > 0)
        {
            return (padding, "padding");
        }

        var decoder = Iced.Intel.Decoder.Create(64, new ByteArrayCodeReader(_image.Bytes, offset, end - offset), (ulong)offset);
        decoder.Decode(out Instruction instruction);
        var output = new StringOutput();
        _formatter.Format(instruction, output);
        return (instruction.Length, output.ToStringAndReset());
    }
}
