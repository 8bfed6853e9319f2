namespace Hyperspan;

/// <summary>A run of pages of a sparse mapping that are mapped alike: private memory, or consecutive bytes of a file.</summary>
/// <param name="Start">The first byte.</param>
/// <param name="End">The byte after the last.</param>
/// <param name="Protection">What the processor may do, execution aside.</param>
/// <param name="File">The file, or <see langword="null"/> for private memory.</param>
/// <param name="FileOffset">Where in the file the run begins; zero for private memory.</param>
/// <param name="Writable">Whether the file was mapped to be written, whatever the protection is now.</param>
internal readonly record struct MappingSegment(
    ulong Start, ulong End, Protection Protection, MappedFile? File = null, ulong FileOffset = 0, bool Writable = false)
{
    internal MappingSegment Slice(ulong start, ulong end) =>
        this with { Start = start, End = end, FileOffset = File is null ? 0 : FileOffset + (start - Start) };

    internal bool ContinuesInto(in MappingSegment next) =>
        End == next.Start
        && Protection == next.Protection
        && File == next.File
        && Writable == next.Writable
        && (File is null || FileOffset + (End - Start) == next.FileOffset);
}
