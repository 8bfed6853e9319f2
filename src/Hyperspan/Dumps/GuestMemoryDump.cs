using System.Diagnostics;
using System.Globalization;

using Hyperspan.Interop.Linux;
using Hyperspan.Snapshots;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Dumps;

/// <summary>
/// A guest's memory in a file that other tools read and write: an ELF core as <c>dump-guest-memory</c> of QEMU writes it, LiME's format, a compressed kdump, or the bare bytes.
/// </summary>
/// <remarks>Nothing in the file is trusted. All members are safe to use from several threads; disposing it closes the file.</remarks>
[DebuggerDisplay("{Path}, {Format}")]
public sealed partial class GuestMemoryDump : IDisposable
{
    private readonly SafeFileHandle _file;
    private readonly DumpParser _parser;
    private readonly RegionMap _regions;
    private readonly byte[] _notes;

    private GuestMemoryDump(string path, SafeFileHandle file, DumpParser parser, ulong length)
    {
        Path = path;
        _file = file;
        _parser = parser;
        _regions = parser.Regions();
        _notes = parser.Notes;
        FileBytes = length;
        var processors = new List<X64Registers>();
        ReadOnlySpan<byte> rest = _notes;
        while (ElfFormat.TryReadNote(ref rest, out ReadOnlySpan<byte> name, out uint type, out ReadOnlySpan<byte> content))
        {
            if (name.SequenceEqual("VMCOREINFO"u8))
            {
                VmCoreInfo = content.ToArray();
            }
            else if (parser.Machine == ElfFormat.X64 && type == ElfFormat.ProcessorStatus && name.SequenceEqual("CORE"u8)
                && X64Registers.Read(content) is { } registers)
            {
                processors.Add(registers);
            }
        }

        Processors = processors;
    }

    /// <summary>Gets the path it was opened by.</summary>
    public string Path { get; }

    /// <summary>Gets the format.</summary>
    public DumpFormat Format => _parser.Format;

    /// <summary>Gets the length of the file in bytes.</summary>
    public ulong FileBytes { get; }

    /// <summary>Gets what is where, in the order of the addresses, none overlapping another.</summary>
    public IReadOnlyList<DumpSegment> Segments => _parser.Segments;

    /// <summary>Gets the registers of the processors, where it is an ELF core of an x86-64 machine that has them.</summary>
    public IReadOnlyList<X64Registers> Processors { get; }

    /// <summary>Gets what the kernel said about itself (the note VMCOREINFO), where it is there.</summary>
    public ReadOnlyMemory<byte>? VmCoreInfo { get; }

    /// <summary>Gets the machine as ELF numbers it: 62 for x86-64, also where the format does not say; 183 for AArch64.</summary>
    public ushort Machine => _parser.Machine;

    /// <summary>Opens a dump.</summary>
    /// <param name="path">The path of the file.</param>
    /// <param name="format">The format, or <see langword="null"/> to tell it by the first bytes: what is neither ELF, LiME nor a kdump is the bare bytes.</param>
    /// <returns>The dump.</returns>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    /// <exception cref="InvalidDumpException">It is no dump that can be read here.</exception>
    /// <exception cref="IOException">It is no regular file, or could not be read.</exception>
    public static GuestMemoryDump Open(string path, DumpFormat? format = null)
    {
        SafeFileHandle file = FileOpening.OpenRegular(path, out long length);
        try
        {
            return new GuestMemoryDump(path, file, new DumpParser(file, path, (ulong)length, format), (ulong)length);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Makes a memory of it that can be read, at the addresses of the guest. Each read goes to the file.</summary>
    /// <returns>The memory. It ends with this dump: then its accesses fail.</returns>
    public GuestMemory CreateMemory()
    {
        DumpMemory image = Image();
        var builder = new GuestMemoryBuilder(System.IO.Path.GetFileName(Path));
        foreach (SnapshotRegion region in _regions.All)
        {
            builder.AddRegion(region.Range.Start, new DumpBacking(image, region.Range, region.Name), protection: Protection.Read);
        }

        return builder.Build();
    }

    /// <summary>Saves the memory in it as a snapshot.</summary>
    /// <param name="path">The path, which is replaced as <see cref="GuestMemorySnapshot"/> does it.</param>
    /// <param name="options">What is saved, and how; <see langword="null"/> for a full snapshot.</param>
    /// <param name="progress">Is told how far it has come; on any thread.</param>
    /// <param name="cancellationToken">Ends it, and leaves what was at the path.</param>
    /// <returns>What was saved.</returns>
    /// <exception cref="ArgumentException">As from <see cref="GuestMemorySnapshot"/>; or the path is that of this dump.</exception>
    /// <exception cref="IOException">A file could not be read or written.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public Task<SnapshotSaved> SaveSnapshotAsync(
        string path, SnapshotSaveOptions? options = null, IProgress<SnapshotProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        RequireOther(path);
        return GuestMemorySnapshot.SaveAsync(Image(), path, options ?? new SnapshotSaveOptions(), progress, cancellationToken);
    }

    /// <summary>Lists the pages that are not in holes of the file, as ranges of whole pages of 4 KiB in ascending order.</summary>
    /// <returns>The ranges, found as they are asked for.</returns>
    public IEnumerable<GuestRange> GetStoredRanges() => PageRanges.Join(Image().Chunks());

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    /// <summary>Says which file it is: <c>GuestMemoryDump 'core', Elf, 2 segments</c>.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{nameof(GuestMemoryDump)} '{Path}', {Format}, {Segments.Count} segments");

    private DumpMemory Image() => (DumpMemory?)_parser.Kdump ?? new DumpImage(_parser.Bytes, _parser.Placed, _regions);
}
