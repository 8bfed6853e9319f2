using Hyperspan.Guarding;
using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan;

/// <summary>A file as memory: firmware, a snapshot, persistent memory.</summary>
/// <remarks>
/// <para>
/// Accesses are guarded: should the file become shorter, those past its new end fail with <see cref="GuestMemoryFaultKind.Unmapped"/> and cause
/// <see cref="FaultCause.BusError"/>. The length is exact: bytes past it are out of range, even in the last page.
/// </para>
/// <para>
/// On Windows a file that is mapped cannot become shorter: truncating it fails there. What was mapped stays so after a dispose until nothing refers to this object any more.
/// </para>
/// <para>All methods may be called from any thread.</para>
/// </remarks>
public sealed unsafe class FileBacking : GuestMemoryBacking
{
    private readonly FileRangeMapping? _file;

    /// <summary>
    /// Initializes a new instance of the <see cref="FileBacking"/> class over all of a file that it opens. The file must be there already.
    /// It is opened to be shared: others may read, change and delete it meanwhile.
    /// </summary>
    /// <param name="path">The path.</param>
    /// <param name="access">What is done with the file: with <see cref="FileAccess.ReadWrite"/> what is written to the memory goes to the file.</param>
    /// <param name="options">The options, or <see langword="null"/> for the defaults.</param>
    /// <exception cref="ArgumentException">
    /// The path is empty, the file no regular one, the alignment no power of two from 4 KiB to 1 GiB, or both writing and copying on write are asked for.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">The access is another one, an option is none of the values named, or the file is longer than can be mapped.</exception>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be opened so, or is a directory.</exception>
    /// <exception cref="GuestMemoryMappingException">The file cannot be mapped, or the system refused otherwise.</exception>
    /// <exception cref="PlatformNotSupportedException">This is neither Linux nor Windows on x86-64.</exception>
    public FileBacking(string path, FileAccess access = FileAccess.Read, FileBackingOptions? options = null)
        : this(Open(path, access), 0, length: null, access, options ?? new FileBackingOptions(), Path.GetFileName(path), nameof(path))
    {
    }

    /// <summary>Initializes a new instance of the <see cref="FileBacking"/> class over all of a file that is open already.</summary>
    /// <param name="file">The file. It is duplicated, and stays the caller's.</param>
    /// <param name="access">What is done with the file, which has to be open for it.</param>
    /// <param name="options">The options, or <see langword="null"/> for the defaults.</param>
    /// <exception cref="ArgumentNullException"><paramref name="file"/> is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException">
    /// The file is no regular one, the alignment no power of two from 4 KiB to 1 GiB, or both writing and copying on write are asked for.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">The access is another one, an option is none of the values named, or the file is longer than can be mapped.</exception>
    /// <exception cref="GuestMemoryMappingException">The file is not open for the access, cannot be mapped, or the system refused otherwise.</exception>
    /// <exception cref="PlatformNotSupportedException">This is neither Linux nor Windows on x86-64.</exception>
    public FileBacking(SafeFileHandle file, FileAccess access = FileAccess.Read, FileBackingOptions? options = null)
        : this(Duplicate(file), 0, length: null, access, options ?? new FileBackingOptions(), "file", nameof(file))
    {
    }

    /// <summary>Initializes a new instance of the <see cref="FileBacking"/> class over a part of a file that is open already.</summary>
    /// <param name="file">The file, or a device that can be mapped. It is duplicated, and stays the caller's.</param>
    /// <param name="fileOffset">Where in the file the memory begins, in bytes: a multiple of 4 KiB.</param>
    /// <param name="length">The length in bytes. It need not be a multiple of the page size.</param>
    /// <param name="access">What is done with the file, which has to be open for it.</param>
    /// <param name="options">The options, or <see langword="null"/> for the defaults.</param>
    /// <exception cref="ArgumentNullException"><paramref name="file"/> is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException">
    /// The file offset is no multiple of 4 KiB, the alignment no power of two from 4 KiB to 1 GiB, or both writing and copying on write are asked for.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException">The access is another one, an option is none of the values named, or the range is more than can be mapped.</exception>
    /// <exception cref="GuestMemoryMappingException">
    /// The file ends before the end of the range, is not open for the access, cannot be mapped, or the system refused otherwise.
    /// </exception>
    /// <exception cref="PlatformNotSupportedException">This is neither Linux nor Windows on x86-64.</exception>
    public FileBacking(SafeFileHandle file, ulong fileOffset, ulong length, FileAccess access = FileAccess.Read, FileBackingOptions? options = null)
        : this(Duplicate(file), fileOffset, length, access, options ?? new FileBackingOptions(), "file", nameof(length))
    {
    }

    private FileBacking(SafeFileHandle ownedFile, ulong fileOffset, ulong? length, FileAccess access, FileBackingOptions options, string name, string whole)
    {
        try
        {
            PageMath.RequireAlignment(options.Alignment, nameof(options));
            PageMath.RequirePageAligned(fileOffset, nameof(fileOffset));
            PageMath.RequireMappableLength(fileOffset, nameof(fileOffset));
            RequireAccess(access);
            if (options.CopyOnWrite && access != FileAccess.Read)
            {
                throw new ArgumentException("What is copied on write is not written to the file.", nameof(access));
            }

            if (options.FaultBehavior is { } chosen and not (FaultBehavior.MayFault or FaultBehavior.MayBlock))
            {
                throw new ArgumentOutOfRangeException(nameof(options), chosen, "A file can be truncated, so accesses to it may fault.");
            }

            Name = options.Name ?? name;
            IsWritable = access == FileAccess.ReadWrite || options.CopyOnWrite;
            FileStatus status = FileDescriptors.Status(ownedFile);
            uint magic = FileDescriptors.FileSystemMagic(ownedFile);
            FaultBehavior = options.FaultBehavior ?? FileStallRisk.OfOwnFile(magic);
            Length = length ?? FileDescriptors.WholeOf(status, whole);
            PageMath.RequireMappableLength(Length, nameof(length));
            FileRangeMapping.RequireSize(status, fileOffset, Length, Name);
            if (Length == 0)
            {
                ownedFile.Dispose();
                return;
            }

            _file = new FileRangeMapping(
                ownedFile,
                fileOffset,
                Length,
                IsWritable,
                isPrivate: options.CopyOnWrite,
                FileRangeMapping.Granularity(status, magic),
                options.Alignment,
                Name);
            if (options.Prefault)
            {
                _file.Prefault(Name);
            }
        }
        catch
        {
            _file?.Unmap();
            ownedFile.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override ulong Length { get; }

    /// <inheritdoc/>
    public override byte* Mapping => _file is null ? null : _file.Address;

    /// <inheritdoc/>
    public override FaultBehavior FaultBehavior { get; }

    /// <inheritdoc/>
    public override bool IsWritable { get; }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <summary>Lists the whole of it, or nothing where it is copied on write or empty.</summary>
    /// <returns>At most one region.</returns>
    /// <exception cref="ObjectDisposedException">This memory has been disposed.</exception>
    public override IReadOnlyList<ShareableRegion> GetShareableRegions() => _file?.GetShareableRegions(this) ?? [];

    internal override bool HasHooks => false;

    /// <inheritdoc/>
    protected override void Release() => _file?.Release(keepAccessible: false);

    /// <inheritdoc/>
    protected override void ReleaseAddresses() => _file?.Unmap();

    private static void RequireAccess(FileAccess access)
    {
        if (access is not (FileAccess.Read or FileAccess.ReadWrite))
        {
            throw new ArgumentOutOfRangeException(nameof(access), access, "A file is mapped to be read, or to be read and written.");
        }
    }

    private static SafeFileHandle Open(string path, FileAccess access)
    {
        PlatformAbilities.Demand(HyperspanAbility.MappedMemory);
        RequireAccess(access);
        return FileOpening.Open(path, access);
    }

    private static SafeFileHandle Duplicate(SafeFileHandle file)
    {
        PlatformAbilities.Demand(HyperspanAbility.MappedMemory);
        ArgumentNullException.ThrowIfNull(file);
        return FileDescriptors.Duplicate(file);
    }
}
