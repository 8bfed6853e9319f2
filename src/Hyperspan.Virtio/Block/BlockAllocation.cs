using System.Diagnostics.CodeAnalysis;

using Hyperspan.Interop.Linux;

namespace Hyperspan.Virtio;

/// <summary>Discards the ranges of a request, or writes zeros to them: by a thread that may wait.</summary>
internal sealed class BlockAllocation(VirtioBlockDevice device, BlockRequest request) : DiskJob
{
    private BlockRange[] _ranges = [];
    private int _count;
    private bool _isZero;

    internal ReadOnlySpan<BlockRange> Ranges => _ranges.AsSpan(0, _count);

    /// <summary>Makes room for so many ranges.</summary>
    internal Span<BlockRange> Reset(int count, bool isZero)
    {
        if (_ranges.Length == 0)
        {
            _ranges = new BlockRange[VirtioBlockDevice.MaxRanges];
        }

        (_count, _isZero) = (count, isZero);
        return _ranges.AsSpan(0, count);
    }

    internal bool Touches(ulong offset, ulong length)
    {
        foreach (BlockRange range in _ranges.AsSpan(0, _count))
        {
            ulong start = range.Sector * VirtioBlockDevice.SectorSize;
            if (start < offset + length && offset < start + ((ulong)range.Sectors * VirtioBlockDevice.SectorSize))
            {
                return true;
            }
        }

        return false;
    }

    internal override void Run() => request.EndStep(RunAll());

    /// <summary>Does it on the thread that asks.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "An image of somebody else's that throws fails the request, not the device.")]
    internal DiskResult RunAll()
    {
        try
        {
            foreach (BlockRange range in _ranges.AsSpan(0, _count))
            {
                ulong offset = range.Sector * VirtioBlockDevice.SectorSize;
                ulong length = (ulong)range.Sectors * VirtioBlockDevice.SectorSize;
                if (length == 0)
                {
                    continue;
                }

                DiskResult result = _isZero
                    ? device.Image.WriteZeroes(offset, length, (range.Flags & BlockRange.UnmapFlag) != 0)
                    : device.Image.Discard(offset, length);
                if (!result.Succeeded)
                {
                    return result;
                }
            }

            return DiskResult.Success;
        }
        catch (Exception)
        {
            return DiskResult.FromErrorNumber(ErrorNumber.InputOutput);
        }
    }
}
