using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Text;

using Hyperspan.Guarding;
using Hyperspan.Interop.Linux;
using Hyperspan.Interop.Windows;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan;

/// <summary>
/// Memory in a file without a name (memfd), which other processes can map too: a vhost-user device, another VMM.
/// </summary>
/// <remarks>
/// <para>
/// The file is sealed against shrinking, growing and further seals (fcntl(2), File Sealing), so no process that receives it can make an access here
/// fault; with ordinary pages it is accessed at the speed of a raw pointer. With huge pages it may fault: a peer that punches a hole gives the page
/// back to the pool, and the pool may have none left at the next access.
/// </para>
/// <para>
/// On Windows it is a section of the page file, whose <see cref="Handle"/> a peer duplicates (DuplicateHandle) and makes a <see cref="ForeignBacking"/> of. There are no huge
/// pages, and none can be given back. What was mapped stays so after a dispose until nothing refers to this object any more.
/// </para>
/// <para>All methods may be called from any thread.</para>
/// </remarks>
public sealed unsafe partial class SharedBacking : GuestMemoryBacking
{
    // The kernel adds "memfd:" and takes 249 bytes of ours (memfd_create(2)).
    private const int MaximumNameLength = 249;

    private readonly FileRangeMapping _file;

    /// <summary>Initializes a new instance of the <see cref="SharedBacking"/> class: memory of zeros.</summary>
    /// <param name="length">The length in bytes; rounded up to whole pages, of 4 KiB or of the huge page size. Not zero.</param>
    /// <param name="options">The options, or <see langword="null"/> for the defaults.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is zero or more than can be mapped, or the page size is none of those named.</exception>
    /// <exception cref="ArgumentException">The alignment is no power of two from 4 KiB to 1 GiB, or the name contains a null character.</exception>
    /// <exception cref="GuestMemoryMappingException">
    /// The system refused; for huge pages the message says how many are needed, how many are free, and where to ask for more.
    /// </exception>
    /// <exception cref="PlatformNotSupportedException">
    /// This is neither Linux nor Windows on x86-64; or huge pages, or pages that can be given back, are wanted on Windows.
    /// </exception>
    public SharedBacking(ulong length, SharedBackingOptions? options = null)
    {
        PlatformAbilities.Demand(HyperspanAbility.MappedMemory);
        options ??= new SharedBackingOptions();
        ArgumentOutOfRangeException.ThrowIfZero(length);
        PageMath.RequireMappableLength(length, nameof(length));
        PageMath.RequireAlignment(options.Alignment, nameof(options));
        ArgumentNullException.ThrowIfNull(options.Name, nameof(options));
        Name = options.Name;
        ulong pageSize = HugePagePool.BytesOf(options.HugePages, nameof(options));
        Length = PageMath.RoundUp(length, pageSize);
        _pageSize = pageSize;
        _pins = options.IsDiscardable ? NotePins() : null;
        SafeFileHandle file = OperatingSystem.IsWindows() ? CreateSection(options) : Create(options);
        try
        {
            if (!OperatingSystem.IsWindows())
            {
                SetLengthAndSeal(file);
            }

            _file = new FileRangeMapping(
                file,
                fileOffset: 0,
                Length,
                writable: true,
                isPrivate: false,
                pageSize,
                options.Alignment,
                Name,
                error => HugePagePool.Hint(error, options.HugePages, Length));
            if (options.Prefault)
            {
                Prefault();
            }
        }
        catch
        {
            _file?.Unmap();
            file.Dispose();
            throw;
        }

        FaultBehavior = options.HugePages == HugePageSize.None && !Overcommit.IsStrict ? FaultBehavior.Never : FaultBehavior.MayFault;
    }

    /// <inheritdoc/>
    public override ulong Length { get; }

    /// <inheritdoc/>
    public override byte* Mapping => _file.Address;

    /// <summary>
    /// Gets <see cref="FaultBehavior.Never"/>, unless it is on huge pages or the system may refuse a page at its first access
    /// (<c>vm.overcommit_memory</c> is 2).
    /// </summary>
    public override FaultBehavior FaultBehavior { get; }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <summary>Gets the file, to be passed to other processes. It holds this memory from offset zero on, and is closed when this object is disposed.</summary>
    public SafeFileHandle Handle => _file.File;

    /// <summary>Lists the whole of it.</summary>
    /// <returns>One region.</returns>
    /// <exception cref="ObjectDisposedException">This memory has been disposed.</exception>
    public override IReadOnlyList<ShareableRegion> GetShareableRegions() => _file.GetShareableRegions(this);

    internal override bool HasHooks => false;

    /// <inheritdoc/>
    protected override void Release() => _file.Release(keepAccessible: FaultBehavior == FaultBehavior.Never);

    /// <inheritdoc/>
    protected override void ReleaseAddresses() => _file.Unmap();

    /// <summary>A section of the page file, all of whose pages the system has promised.</summary>
    [SupportedOSPlatform("windows")]
    private SafeFileHandle CreateSection(SharedBackingOptions options)
    {
        if (options.HugePages != HugePageSize.None)
        {
            throw new PlatformNotSupportedException("Memory from a pool of huge pages needs Linux.");
        }

        if (options.IsDiscardable)
        {
            throw new PlatformNotSupportedException("Shared memory whose pages can be given back needs Linux: a section of Windows keeps what it has.");
        }

        using var none = new SafeFileHandle(-1, ownsHandle: false);
        SafeFileHandle section = Kernel32.CreateFileMapping(none, null, PageProtection.ReadWrite, (uint)(Length >> 32), (uint)Length, null);
        return section.IsInvalid ? throw new GuestMemoryMappingException("create a section for", Marshal.GetLastPInvokeError(), Name, (0, Length)) : section;
    }

    private static SafeFileHandle Create(SharedBackingOptions options)
    {
        if (options.Name.Contains('\0', StringComparison.Ordinal))
        {
            throw new ArgumentException("The name contains a null character.", nameof(options));
        }

        byte[] text = new byte[MaximumNameLength];
        Encoding.UTF8.GetEncoder().Convert(options.Name, text, flush: false, out _, out int used, out _);
        string name = Encoding.UTF8.GetString(text, 0, used);
        MemoryFileFlags flags = MemoryFileFlags.CloseOnExec | MemoryFileFlags.AllowSealing | options.HugePages switch
        {
            HugePageSize.Size2MiB => MemoryFileFlags.HugeTlb | MemoryFileFlags.Huge2MiB,
            HugePageSize.Size1GiB => MemoryFileFlags.HugeTlb | MemoryFileFlags.Huge1GiB,
            _ => MemoryFileFlags.None,
        };

        // Nobody is to run the guest's memory as a program. Hosts may insist on it; kernels before 6.3 do not know it.
        int descriptor = LibC.MemfdCreate(name, flags | MemoryFileFlags.NoExecSeal);
        if (descriptor < 0 && Marshal.GetLastPInvokeError() == ErrorNumber.InvalidArgument)
        {
            descriptor = LibC.MemfdCreate(name, flags);
        }

        if (descriptor < 0)
        {
            int error = Marshal.GetLastPInvokeError();
            throw new GuestMemoryMappingException(
                "create a memory file", error, options.Name, hint: HugePagePool.Hint(error, options.HugePages, 0));
        }

        return new SafeFileHandle(descriptor, ownsHandle: true);
    }

    private void SetLengthAndSeal(SafeFileHandle file)
    {
        if (LibC.Ftruncate(file, (long)Length) != 0)
        {
            throw new GuestMemoryMappingException("set the length of", Marshal.GetLastPInvokeError(), Name, (0, Length));
        }

        if (LibC.Fcntl(file, FileCommand.AddSeals, (nint)(FileSeals.Shrink | FileSeals.Grow | FileSeals.Seal)) != 0)
        {
            throw new GuestMemoryMappingException("seal", Marshal.GetLastPInvokeError(), Name, (0, Length));
        }
    }

    private void Prefault()
    {
        if (OperatingSystem.IsWindows())
        {
            _file.Prefault(Name);
            return;
        }

        // Not by touching the pages: this asks the file, needs no recent kernel, and a lack of memory is an error instead of a signal.
        if (Allocate(FileAllocation.Allocate, 0, Length) is var error and not 0)
        {
            throw new GuestMemoryMappingException("prefault", error, Name, (0, Length));
        }

        // Then enter them into our page tables, where the kernel can; not having that costs time only.
        try
        {
            _file.Prefault(Name);
        }
        catch (GuestMemoryMappingException e) when (e.ErrorNumber == ErrorNumber.InvalidArgument)
        {
        }
    }

    /// <summary>Has the file take pages for a range, or give them back. Answers the error, or zero.</summary>
    private int Allocate(FileAllocation mode, ulong offset, ulong length)
    {
        int result;
        do
        {
            result = LibC.Fallocate(_file.File, mode, (long)offset, (long)length);
        }
        while (ErrorNumber.IsInterrupted(result));

        return result == 0 ? 0 : Marshal.GetLastPInvokeError();
    }
}
