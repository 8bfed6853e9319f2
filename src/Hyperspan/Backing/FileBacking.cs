using System.Globalization;

using Hyperspan.Guarding;
using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan;

/// <summary>A file as memory: firmware, a snapshot, persistent memory.</summary>
/// <remarks>
/// <para>
/// Accesses are guarded: should the file become shorter, those past its new end fail with <see cref="GuestMemoryFaultKind.NotMapped"/> and cause
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
    /// Initializes a new instance of the <see cref="FileBacking"/> class over a file that it opens. The file must be there already.
    /// It is opened to be shared: others may read, change and delete it meanwhile.
    /// </summary>
    /// <param name="path">The path.</param>
    /// <param name="options">The options, or <see langword="null"/> for the defaults: read all of it.</param>
    /// <exception cref="ArgumentException">The path is empty, the file offset no multiple of 4 KiB, or the alignment no power of two from 4 KiB to 1 GiB.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is none of the values named, or the range is more than can be mapped.</exception>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be opened so, or is a directory.</exception>
    /// <exception cref="GuestMemoryMappingException">The file ends before the end of the range, cannot be mapped, or the system refused otherwise.</exception>
    /// <exception cref="PlatformNotSupportedException">This is neither Linux nor Windows on x86-64.</exception>
    public FileBacking(string path, FileBackingOptions? options = null)
        : this(Open(path, options ??= new FileBackingOptions()), options, Path.GetFileName(path))
    {
    }

    /// <summary>Initializes a new instance of the <see cref="FileBacking"/> class over a file that is open already.</summary>
    /// <param name="file">The file. It is duplicated, and stays the caller's.</param>
    /// <param name="options">The options, or <see langword="null"/> for the defaults: read all of it.</param>
    /// <exception cref="ArgumentNullException"><paramref name="file"/> is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException">The file offset is no multiple of 4 KiB, or the alignment no power of two from 4 KiB to 1 GiB.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is none of the values named, or the range is more than can be mapped.</exception>
    /// <exception cref="GuestMemoryMappingException">
    /// The file ends before the end of the range, is not open for the access, cannot be mapped, or the system refused otherwise.
    /// </exception>
    /// <exception cref="PlatformNotSupportedException">This is neither Linux nor Windows on x86-64.</exception>
    public FileBacking(SafeFileHandle file, FileBackingOptions? options = null)
        : this(Duplicate(file), options ?? new FileBackingOptions(), "file")
    {
    }

    private FileBacking(SafeFileHandle ownedFile, FileBackingOptions options, string name)
    {
        try
        {
            PageMath.RequireAlignment(options.Alignment, nameof(options));
            PageMath.RequirePageAligned(options.FileOffset, nameof(options));
            PageMath.RequireMappableLength(options.FileOffset, nameof(options));
            if (options.Access > FileBackingAccess.CopyOnWrite)
            {
                throw new ArgumentOutOfRangeException(nameof(options), options.Access, "There is no such access.");
            }

            if (options.FaultBehavior is { } chosen and not (FaultBehavior.MayFault or FaultBehavior.MayBlock))
            {
                throw new ArgumentOutOfRangeException(nameof(options), chosen, "A file can be truncated, so accesses to it may fault.");
            }

            Name = options.Name ?? name;
            IsWritable = options.Access != FileBackingAccess.Read;
            FileStatus status = FileDescriptors.Status(ownedFile);
            uint magic = FileDescriptors.FileSystemMagic(ownedFile);
            FaultBehavior = options.FaultBehavior ?? FileStallRisk.OfOwnFile(magic);
            Length = options.Length ?? RestOf(status, options.FileOffset);
            PageMath.RequireMappableLength(Length, nameof(options));
            FileRangeMapping.RequireSize(status, options.FileOffset, Length, Name);
            if (Length == 0)
            {
                ownedFile.Dispose();
                return;
            }

            _file = new FileRangeMapping(
                ownedFile,
                options.FileOffset,
                Length,
                IsWritable,
                isPrivate: options.Access == FileBackingAccess.CopyOnWrite,
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

    private static SafeFileHandle Open(string path, FileBackingOptions options)
    {
        PlatformAbilities.Demand(HyperspanAbility.MappedMemory);
        FileAccess access = options.Access == FileBackingAccess.ReadWrite ? FileAccess.ReadWrite : FileAccess.Read;
        return File.OpenHandle(path, FileMode.Open, access, FileShare.ReadWrite | FileShare.Delete);
    }

    private static SafeFileHandle Duplicate(SafeFileHandle file)
    {
        PlatformAbilities.Demand(HyperspanAbility.MappedMemory);
        ArgumentNullException.ThrowIfNull(file);
        return FileDescriptors.Duplicate(file);
    }

    private static ulong RestOf(in FileStatus status, ulong fileOffset)
    {
        if (!status.IsRegular())
        {
            throw new ArgumentException("The file is not a regular one and has no size to go by: give the length.", nameof(status));
        }

        if (fileOffset > status.Size)
        {
            throw new ArgumentOutOfRangeException(
                nameof(fileOffset),
                string.Create(CultureInfo.InvariantCulture, $"The file offset 0x{fileOffset:x} is past the end of the file at 0x{status.Size:x}."));
        }

        return status.Size - fileOffset;
    }
}
