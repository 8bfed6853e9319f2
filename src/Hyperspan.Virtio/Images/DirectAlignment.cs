using System.Globalization;
using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Virtio;

/// <summary>What transfers past the page cache want of a file.</summary>
/// <param name="Memory">What addresses of memory must be multiples of.</param>
/// <param name="Offset">What offsets in the file and lengths of memory must be multiples of.</param>
internal readonly unsafe record struct DirectAlignment(ulong Memory, ulong Offset)
{
    /// <summary>Opens the file once more, past the page cache, and finds out what that wants.</summary>
    /// <exception cref="DiskImageException">The file system does not do that, or not with a file of this size.</exception>
    internal static SafeFileHandle Open(string path, SafeFileHandle file, bool readOnly, ulong length, out DirectAlignment alignment)
    {
        string again = string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{file.DangerousGetHandle()}");
        OpenFlags access = readOnly ? OpenFlags.ReadOnly : OpenFlags.ReadWrite;
        int descriptor = LibC.Open(again, access | LinuxConstants.O_DIRECT | OpenFlags.CloseOnExec);
        if (descriptor < 0)
        {
            throw new DiskImageException(
                DiskImageError.NoDirectTransfers, path, $"cannot be opened past the page cache: {ErrorNumber.LastMessage}");
        }

        var direct = new SafeFileHandle(descriptor, ownsHandle: true);
        try
        {
            if (!TryAsk(direct, out alignment) && !TryFind(direct, length, out alignment))
            {
                throw new DiskImageException(DiskImageError.NoDirectTransfers, path, "its file system has no transfers past the page cache");
            }

            if (length % alignment.Offset != 0)
            {
                throw new DiskImageException(
                    DiskImageError.NoDirectTransfers,
                    path,
                    $"the size of the image, {length} bytes, is not a multiple of the {alignment.Offset} that transfers past the page cache want");
            }

            return direct;
        }
        catch
        {
            direct.Dispose();
            throw;
        }
    }

    /// <summary>Asks the kernel (statx(2), Linux 6.1).</summary>
    private static bool TryAsk(SafeFileHandle direct, out DirectAlignment alignment)
    {
        FileStatus status = default;

        // SAFETY: a local that outlives the call; the structure has the size the kernel writes.
        bool isKnown = FileStatusCall.Invoke(direct, "", LinuxConstants.AT_EMPTY_PATH, LinuxConstants.STATX_DIOALIGN, &status) == 0
            && status.DirectOffsetAlignment is > 0 and <= DiskBuffer.Alignment
            && status.DirectMemoryAlignment is > 0 and <= DiskBuffer.Alignment;
        alignment = new DirectAlignment(status.DirectMemoryAlignment, Math.Max(status.DirectOffsetAlignment, 1));
        return isKnown;
    }

    /// <summary>Tries ever larger units until a read succeeds.</summary>
    private static bool TryFind(SafeFileHandle direct, ulong length, out DirectAlignment alignment)
    {
        using var buffer = new DiskBuffer();
        for (uint unit = RawDiskImage.SectorSize; unit <= DiskBuffer.Alignment; unit *= 2)
        {
            // Memory and offset that are multiples of this unit and of no larger one.
            ulong offset = 2UL * unit <= length ? unit : 0;

            // SAFETY: the buffer is longer than twice the largest unit.
            nint got = LibC.Pread(direct, buffer.Start + unit, unit, (long)offset);
            if (got > 0 || (got < 0 && Marshal.GetLastPInvokeError() != ErrorNumber.InvalidArgument))
            {
                alignment = new DirectAlignment(unit, unit);
                return got > 0;
            }
        }

        alignment = new DirectAlignment(1, 1);
        return false;
    }
}
