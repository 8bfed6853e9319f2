using System.Buffers;

namespace Hyperspan.Dumps;

/// <summary>The notes of a dump, as ELF has them: of each processor, those that were given, and what a Linux kernel says about itself.</summary>
internal static class DumpNotes
{
    /// <summary>Puts them together.</summary>
    /// <param name="options">What was given.</param>
    /// <param name="found">What a kernel was found to say about itself; it counts where nothing was given.</param>
    internal static byte[] Of(DumpOptions options, byte[]? found)
    {
        var notes = new ArrayBufferWriter<byte>();
        Span<byte> status = stackalloc byte[X64Registers.StatusLength];
        for (int i = 0; i < options.Processors.Count; i++)
        {
            options.Processors[i].Write(status, i);
            ElfFormat.WriteNote(notes, ElfFormat.CoreName, ElfFormat.ProcessorStatus, status);
        }

        notes.Write(options.Notes.Span);
        if (VmCoreInfoOf(options.Notes.Span).IsEmpty && (options.VmCoreInfo is not null || found is not null))
        {
            ElfFormat.WriteNote(notes, ElfFormat.VmCoreInfoName, 0, options.VmCoreInfo is { } information ? information.Span : found);
        }

        return notes.WrittenSpan.ToArray();
    }

    /// <summary>What a kernel says about itself, among notes; empty where there is nothing of the kind.</summary>
    internal static ReadOnlySpan<byte> VmCoreInfoOf(ReadOnlySpan<byte> notes)
    {
        while (ElfFormat.TryReadNote(ref notes, out ReadOnlySpan<byte> name, out _, out ReadOnlySpan<byte> content))
        {
            if (name.SequenceEqual("VMCOREINFO"u8))
            {
                return content;
            }
        }

        return [];
    }

    /// <summary>How many processors have a note.</summary>
    internal static int ProcessorsIn(ReadOnlySpan<byte> notes)
    {
        int count = 0;
        while (ElfFormat.TryReadNote(ref notes, out ReadOnlySpan<byte> name, out uint type, out _))
        {
            count += type == ElfFormat.ProcessorStatus && name.SequenceEqual("CORE"u8) ? 1 : 0;
        }

        return count;
    }
}
