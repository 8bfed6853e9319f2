using Hyperspan.Guarding;
using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan;

/// <summary>Memory that another process shares by a file descriptor: a part of its memfd, as vhost-user or a migration peer sends it.</summary>
/// <remarks>
/// <para>
/// The other process is not trusted: it may truncate the file, or serve it itself and never answer. Unless the file carries the seal against
/// shrinking (fcntl(2), <c>F_SEAL_SHRINK</c>), accesses are guarded; one to a page that is gone fails with
/// <see cref="GuestMemoryFaultKind.Unmapped"/> and cause <see cref="FaultCause.BusError"/>.
/// </para>
/// <para>
/// On Windows the file is the handle of a section, or of a file, for which a section is made. A section cannot shrink; accesses are guarded all the same, since its pages may fail
/// to be read (<see cref="FaultCause.BusError"/>). What was mapped stays so after a dispose until nothing refers to this object any more.
/// </para>
/// <para>All methods may be called from any thread.</para>
/// </remarks>
public sealed unsafe class ForeignBacking : GuestMemoryBacking
{
    private readonly FileRangeMapping _file;

    /// <summary>Initializes a new instance of the <see cref="ForeignBacking"/> class.</summary>
    /// <param name="file">The file. It is duplicated, and stays the caller's.</param>
    /// <param name="fileOffset">Where in the file the memory begins, in bytes: a multiple of 4 KiB, also where the file is on huge pages.</param>
    /// <param name="length">The length in bytes. Not zero; any other value, the rest of the last page is not accessible.</param>
    /// <param name="options">The options, or <see langword="null"/> for the defaults.</param>
    /// <exception cref="ArgumentNullException"><paramref name="file"/> is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException">The file offset is not a multiple of 4 KiB.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is zero, or the range is more than can be mapped.</exception>
    /// <exception cref="GuestMemoryMappingException">The file ends before the end of the range, does not permit the access, or the system refused otherwise.</exception>
    /// <exception cref="PlatformNotSupportedException">This is neither Linux nor Windows on x86-64.</exception>
    public ForeignBacking(SafeFileHandle file, ulong fileOffset, ulong length, ForeignBackingOptions? options = null)
    {
        PlatformAbilities.Demand(HyperspanAbility.MappedMemory);
        ArgumentNullException.ThrowIfNull(file);
        options ??= new ForeignBackingOptions();
        ArgumentOutOfRangeException.ThrowIfZero(length);
        PageMath.RequirePageAligned(fileOffset, nameof(fileOffset));
        PageMath.RequireMappableLength(length, nameof(length));
        PageMath.RequireMappableLength(fileOffset, nameof(fileOffset));
        ArgumentNullException.ThrowIfNull(options.Name, nameof(options));
        Name = options.Name;
        Length = length;
        IsWritable = options.Writable;
        SafeFileHandle own = FileDescriptors.Duplicate(file);
        try
        {
            // First the seals, then the size: a size seen after the seal against shrinking is one to rely on.
            bool cannotShrink = (FileDescriptors.Seals(own) & FileSeals.Shrink) != 0;
            uint magic = FileDescriptors.FileSystemMagic(own);

            // A section of Windows does not tell its length: one that is shorter is not mapped.
            FileStatus status = OperatingSystem.IsWindows() ? default : FileDescriptors.Status(own);
            FileRangeMapping.RequireSize(status, fileOffset, length, Name);
            FaultBehavior = cannotShrink && magic == LinuxConstants.TMPFS_MAGIC && !Overcommit.IsStrict
                ? FaultBehavior.Never
                : FileStallRisk.OfForeignFile(magic);
            _file = new FileRangeMapping(
                own,
                fileOffset,
                length,
                options.Writable,
                isPrivate: false,
                FileRangeMapping.Granularity(status, magic),
                PageMath.PageSize,
                Name);
            if (options.Prefault)
            {
                _file.Prefault(Name);
            }
        }
        catch
        {
            _file?.Unmap();
            own.Dispose();
            throw;
        }
    }

    /// <summary>Opens all of a file that another process shares by a path: in a file system of memory, or below <c>/proc/pid/fd</c>.</summary>
    /// <param name="path">The path.</param>
    /// <param name="options">The options, or <see langword="null"/> for the defaults.</param>
    /// <returns>The memory, as long as the file is now.</returns>
    /// <exception cref="ArgumentException">The path is empty, or that of something that is no file, and has no length.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The file is empty, or more than can be mapped.</exception>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be opened so, or is a directory.</exception>
    /// <exception cref="GuestMemoryMappingException">The system refused otherwise.</exception>
    /// <exception cref="PlatformNotSupportedException">This is neither Linux nor Windows on x86-64.</exception>
    public static ForeignBacking Open(string path, ForeignBackingOptions? options = null)
    {
        PlatformAbilities.Demand(HyperspanAbility.MappedMemory);
        FileAccess access = options is { Writable: false } ? FileAccess.Read : FileAccess.ReadWrite;
        using SafeFileHandle file = FileOpening.Open(path, access);
        return new ForeignBacking(file, 0, FileDescriptors.WholeOf(FileDescriptors.Status(file), nameof(path)), options);
    }

    /// <inheritdoc/>
    public override ulong Length { get; }

    /// <inheritdoc/>
    public override byte* Mapping => _file.Address;

    /// <summary>
    /// Gets <see cref="FaultBehavior.Never"/> for a memfd on ordinary pages that is sealed against shrinking, <see cref="FaultBehavior.MayFault"/> for one that
    /// is not and for huge pages, and <see cref="FaultBehavior.MayBlock"/> for anything that is not served by the kernel alone.
    /// </summary>
    public override FaultBehavior FaultBehavior { get; }

    /// <inheritdoc/>
    public override bool IsWritable { get; }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <summary>Lists the whole of it.</summary>
    /// <returns>One region.</returns>
    /// <exception cref="ObjectDisposedException">This memory has been disposed.</exception>
    public override IReadOnlyList<ShareableRegion> GetShareableRegions() => _file.GetShareableRegions(this);

    internal override bool HasHooks => false;

    /// <inheritdoc/>
    protected override void Release() => _file.Release(keepAccessible: FaultBehavior == FaultBehavior.Never);

    /// <inheritdoc/>
    protected override void ReleaseAddresses() => _file.Unmap();
}
