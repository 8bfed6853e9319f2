using System.Globalization;

using Hyperspan.Interop.Linux;
using Hyperspan.Interop.Windows;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan;

/// <summary>A range of a file, mapped once and never changed: what shared, foreign and file memory have in common.</summary>
internal sealed unsafe class FileRangeMapping
{
    private readonly AddressReservation _reservation;
    private readonly bool _isPrivate;
    private readonly ulong _lead;

    /// <summary>Maps. On failure the handle is left to the caller.</summary>
    /// <param name="file">The file; from success on it belongs to this object.</param>
    /// <param name="fileOffset">The first byte in the file, a multiple of 4 KiB.</param>
    /// <param name="length">The length in bytes, not zero.</param>
    /// <param name="writable">Whether it is mapped for writing.</param>
    /// <param name="isPrivate">Whether writes stay in this process.</param>
    /// <param name="granularity">The page size of the file: 4 KiB, or that of its huge pages. More than what was asked for is mapped where need be.</param>
    /// <param name="alignment">The alignment of the mapping.</param>
    /// <param name="name">The memory's name, for errors.</param>
    /// <param name="hint">What to add to an error, made when there is one.</param>
    /// <exception cref="GuestMemoryMappingException">The system refused.</exception>
    internal FileRangeMapping(
        SafeFileHandle file,
        ulong fileOffset,
        ulong length,
        bool writable,
        bool isPrivate,
        ulong granularity,
        ulong alignment,
        string name,
        Func<int, string?>? hint = null)
    {
        File = file;
        FileOffset = fileOffset;
        Length = length;
        Writable = writable;
        _isPrivate = isPrivate;

        if (OperatingSystem.IsWindows())
        {
            _lead = fileOffset % AddressReservation.AllocationGranularity;
            ViewAccess access = isPrivate ? ViewAccess.Copy : writable ? ViewAccess.Write : ViewAccess.Read;
            _reservation = AddressReservation.MapView(file, fileOffset - _lead, _lead + length, access, alignment, name);
            return;
        }

        granularity = Math.Max(granularity, PageMath.HostPageSize);
        ulong mappedFrom = PageMath.RoundDown(fileOffset, granularity);
        _lead = fileOffset - mappedFrom;
        ulong mappedLength = PageMath.RoundUp(_lead + length, granularity);
        _reservation = AddressReservation.Reserve(mappedLength, Math.Max(alignment, granularity), name);
        MappingProtection protection = writable ? MappingProtection.ReadWrite : MappingProtection.Read;
        int error = _reservation.MapFile(0, mappedLength, protection, isPrivate, file, mappedFrom, out _);
        if (error != 0)
        {
            _reservation.GiveBack();
            throw new GuestMemoryMappingException("map the file for", error, name, (0, length), hint?.Invoke(error) ?? Hint(error, writable, isPrivate));
        }
    }

    internal byte* Address => _reservation.Address + _lead;

    internal ulong Length { get; }

    internal SafeFileHandle File { get; }

    internal ulong FileOffset { get; }

    internal bool Writable { get; }

    /// <summary>Checks that a file has the bytes to be mapped. Only regular files have a size to check.</summary>
    /// <exception cref="GuestMemoryMappingException">The file is shorter.</exception>
    internal static void RequireSize(in FileStatus status, ulong fileOffset, ulong length, string name)
    {
        if (status.IsRegular() && (fileOffset > status.Size || length > status.Size - fileOffset))
        {
            throw new GuestMemoryMappingException(
                "map the file for",
                ErrorNumber.None,
                name,
                (0, length),
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"the file has 0x{status.Size:x} bytes, which ends before offset 0x{fileOffset:x} + length 0x{length:x}"));
        }
    }

    /// <summary>The page size that mappings of a file come in.</summary>
    internal static ulong Granularity(in FileStatus status, uint magic) =>
        magic == LinuxConstants.HUGETLBFS_MAGIC ? Math.Max(status.BlockSize, PageMath.PageSize) : PageMath.PageSize;

    /// <summary>What to add to an error of mmap.</summary>
    internal static string? Hint(int error, bool writable, bool isPrivate) => OperatingSystem.IsWindows() ? HintOnWindows(error) : error switch
    {
        ErrorNumber.AccessDenied when writable && !isPrivate => "the file is not open for reading and writing",
        ErrorNumber.AccessDenied => "the file is not open for reading",
        ErrorNumber.NotPermitted when writable => "the file is sealed against writing",
        ErrorNumber.NoDevice => "this kind of file cannot be mapped",
        _ => null,
    };

    private static string? HintOnWindows(int error) => error switch
    {
        WindowsError.EndOfFile => "the file ends before, and Windows maps no pages past the end",
        WindowsError.AccessDenied => "the file or section is shorter, or may not be accessed so",
        WindowsError.InvalidParameter => "the place may be past the end of the section",
        WindowsError.InvalidHandle => "this kind of file cannot be mapped",
        WindowsError.EmptyFile => "the file is empty",
        _ => null,
    };

    /// <summary>The single shareable region that this is, or none where writes stay here.</summary>
    internal IReadOnlyList<ShareableRegion> GetShareableRegions(GuestMemoryBacking owner)
    {
        ObjectDisposedException.ThrowIf(owner.IsDisposed, owner);
        return _isPrivate ? [] : [new ShareableRegion(0, Length, File, FileOffset, Writable)];
    }

    /// <summary>Takes every page of it from the system now.</summary>
    internal void Prefault(string name)
    {
        int error = _reservation.Advise(0, _reservation.Length, Writable ? MemoryAdvice.PopulateWrite : MemoryAdvice.PopulateRead);
        if (error != 0)
        {
            throw new GuestMemoryMappingException("prefault", error, name, (0, Length), PrefaultHint(error));
        }
    }

    internal static string? PrefaultHint(int error) => error switch
    {
        ErrorNumber.InvalidArgument => "prefaulting needs Linux 5.14",
        ErrorNumber.BadAddress => "a page is past the end of the file, or the system could not provide it",
        _ => null,
    };

    /// <summary>Lets go of the file; the addresses stay taken.</summary>
    /// <param name="keepAccessible">Whether accesses still under way must not fault: then zero pages take the file's place, otherwise nothing does.</param>
    internal void Release(bool keepAccessible)
    {
        // On Windows a view cannot be replaced: it stays until its addresses go.
        if (OperatingSystem.IsWindows())
        {
            File.Dispose();
            return;
        }

        // Should the kernel refuse, the file stays mapped until the addresses go; nothing worse.
        MappingProtection protection = keepAccessible ? MappingProtection.ReadWrite : MappingProtection.None;
        _ = _reservation.MapAnonymous(0, _reservation.Length, protection, noReserve: true, out _);
        File.Dispose();
    }

    /// <summary>Gives the addresses back at once: nobody was told of them, or nobody uses them any more.</summary>
    internal void Unmap() => _reservation.GiveBack();
}
